"""`unglue serve`: receive webhooks and answer the API."""

import asyncio
import gc
import socket
import sys
from functools import partial
from importlib import import_module
from typing import Final
from urllib.parse import urlsplit

import click
import structlog
import uvicorn

from adapters.origin import is_loopback
from service.api.app import create_app
from service.api.bounded_http import bounded
from service.api.connections import Bounds, Connections
from service.supervision.checks import require_fit_storage, start_up
from service.supervision.forks import work_in
from service.supervision.ports import PORT_SECONDS, require_free
from service.terminal.options import HOST, PORT
from workers.settings import Settings
from workers.upkeep.storage import StorageUnfit

# How long a request may go on once the service is told to stop.
_GRACE_SECONDS: Final = 10
# So many are accepted before anybody counts them.
_BACKLOG: Final = 256
# In new objects; Python's own is 700.
_LOOKED_THROUGH_AT: Final = 5000

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Says first that it stops, so that requests which only wait are answered."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was loaded stays: the collector need not look through it again and again.
        gc.collect()
        gc.freeze()
        # What some deliveries hold at once is no garbage: it need not look at each of them.
        gc.set_threshold(_LOOKED_THROUGH_AT)

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


@click.command()
@HOST
@PORT
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many processes answer, on one socket.",
)
def serve(host: str, port: int, processes: int) -> None:
    """Receive webhooks and answer the API."""
    settings = start_up("service")
    require_fit_storage(settings)
    public = urlsplit(settings.public_url)
    if is_loopback(public.hostname or "") and port and public.port != port:
        advice = f"links in messages lead to {settings.public_url}; set public_url"
        log.warning("links_lead_elsewhere", port=port, advice=advice)
    asyncio.run(require_free(host, port, PORT_SECONDS))
    if processes == 1:
        _serve(settings, host, port, None)
        return
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
    )
    # Here, and not in each of them: what is loaded before the fork they share.
    import_module("service.api.routes.every")
    sys.exit(work_in(processes, partial(_serve, settings, host, port, listener)))


def _serve(settings: Settings, host: str, port: int, listener: socket.socket | None) -> None:
    """Answer until told to stop, on the listener if there is one."""
    unfit: list[StorageUnfit] = []

    def refuse(error: StorageUnfit) -> None:
        unfit.append(error)
        server.should_exit = True

    connections = Connections(Bounds.of_process(), settings.trusted_proxies)
    stopping = asyncio.Event()
    server = _Server(
        uvicorn.Config(
            create_app(settings, refuse, connections=connections, stopping=stopping),
            http=bounded(connections),
            ws="none",
            backlog=_BACKLOG,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            # Anybody can write X-Forwarded-For: it names the sender if a proxy of ours wrote it.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
        ),
        stopping,
    )
    log.info("serving", host=host, port=port, sources=sorted(settings.sources))
    server.run([listener] if listener is not None else None)
    for error in unfit:
        raise error
