"""One POST to a callback URL: checked address, verified TLS, no redirect, bounded answer."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from workers.network.addresses import AddressRefused, NameUnknown, resolve, target
from workers.network.pinned import exchange, new_client
from workers.network.retry import retry_after
from workers.network.tls import public_authorities

_KEPT_BYTES = 2048
SECONDS: Final = 20.0
CALLBACK_HINT: Final = "see callback.allowed_hosts and callback.allow_private_networks"


@dataclass(frozen=True, slots=True)
class Posted:
    """What came back. `status` is `None` where nothing did; `answer` is cut to 2 kB.

    `silent`: the host was tried, and nobody was there in time.
    """

    status: int | None
    answer: str
    retry_after: float | None = None
    silent: bool = False


async def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    allowed_hosts: Sequence[str],
    allow_private: bool,
    hint: str = CALLBACK_HINT,
    seconds: float = SECONDS,
    trust: ssl.SSLContext | None = None,
) -> Posted:
    """Send the body, and read as much of the answer as is worth keeping.

    `seconds` may pass until the status is there, and again for the rest. `hint` is where in the
    configuration a refused address is allowed. `trust` is whose certificates are believed, by
    default the public authorities.
    """
    try:
        host, port = target(url, allowed_hosts=allowed_hosts, allow_private=allow_private)
        # A name with letters beyond ASCII is asked for as the net writes it.
        named = httpx.URL(url).copy_with(host=host)
        async with contextlib.AsyncExitStack() as stack:
            client = new_client(seconds, trust or public_authorities())
            await stack.enter_async_context(client)
            async with asyncio.timeout(seconds):
                name = named.raw_host.decode("ascii")
                address = await resolve(name, port, allow_private=allow_private)
                sending = exchange(client, "POST", named, address, headers, content=body)
                answer = await stack.enter_async_context(sending)
            kept = await _beginning(answer, seconds)
            return Posted(answer.status_code, kept, retry_after(answer.headers))
    except TimeoutError:
        return Posted(None, f"no answer within {seconds:g} s", silent=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        silent = isinstance(error, httpx.TransportError)
        return Posted(None, f"{type(error).__name__}: {error}"[:_KEPT_BYTES], silent=silent)
    except AddressRefused as error:
        return Posted(None, f"the URL was refused: {error.message}; {hint}")
    except NameUnknown as error:
        return Posted(None, error.message, silent=True)


async def _beginning(answer: httpx.Response, seconds: float) -> str:
    """As much of the answer's body as came in time: it is for people, the status is what counts."""
    kept = b""
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(seconds):
            async for chunk in answer.aiter_raw():
                kept += chunk
                if len(kept) >= _KEPT_BYTES:
                    break
    return kept[:_KEPT_BYTES].decode(errors="replace")
