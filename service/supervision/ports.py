"""Whether a service can listen where it is told to, and whether it does."""

import asyncio
import contextlib
import socket
from typing import Final

import httpx

from adapters.errors import UnglueError

# A service that was stopped just now may hold its port for a moment.
PORT_SECONDS: Final = 10.0


class PortInUse(UnglueError):
    """Another process listens there."""

    code = "PortInUse"


async def require_free(host: str, port: int, seconds: float) -> None:
    """Wait until one can listen there: a service that was stopped just now may need a moment.

    Raises:
        PortInUse: it stays taken, or the address is none of this machine's.
    """
    if port == 0:
        return
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (why := _taken(host, port)) is not None:
        if loop.time() >= deadline:
            raise PortInUse(
                f"cannot listen on {host}:{port} ({why}); choose another --port or --host, or end "
                "the process that listens there"
            )
        await asyncio.sleep(0.2)


def _taken(host: str, port: int) -> str | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None


async def answers(url: str) -> None:
    """Wait, without an end of its own, until the service there is ready."""
    async with httpx.AsyncClient(base_url=url, timeout=2, trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get("/readyz")).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.2)
