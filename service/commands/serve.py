"""`unglue serve`: receive webhooks and answer the API."""

import click
import structlog
import uvicorn

from service.app import create_app
from service.checks import start_up

log = structlog.get_logger()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def serve(host: str, port: int) -> None:
    """Receive webhooks and answer the API."""
    settings = start_up()
    log.info("serving", host=host, port=port, sources=sorted(settings.sources))
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        # Anybody can write X-Forwarded-For; it names the sender only if a proxy of ours wrote it.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
