"""`unglue serve`, `unglue worker`, `unglue scheduler`: the three processes of an installation."""

import asyncio
import signal

import click
import structlog
import uvicorn

from service.app import create_app
from workers.clock import system_clock
from workers.enforcement import require_enforceable
from workers.queue import JobQueue
from workers.runtime import open_ledger, redis_url
from workers.scheduler import Scheduler
from workers.settings import Settings, load_settings
from workers.worker import run_worker

log = structlog.get_logger()


def checked_settings() -> Settings:
    """The settings, if this build can keep all of their promises.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    settings = load_settings()
    require_enforceable(settings)
    return settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def serve(host: str, port: int) -> None:
    """Receive webhooks and answer the API."""
    settings = checked_settings()
    log.info("serving", host=host, port=port, sources=sorted(settings.sources))
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


@click.command()
def worker() -> None:
    """Carry deletions out. Start as many as you like; each takes one at a time."""
    settings = checked_settings()
    log.info("working", mode=settings.policy.mode)
    run_worker(settings)


@click.command()
def scheduler() -> None:
    """Hand out what is due. One is enough; two do no harm."""
    asyncio.run(_schedule(checked_settings()))


async def _schedule(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    jobs = JobQueue(redis_url(settings))
    try:
        async with open_ledger(settings) as ledger:
            log.info("scheduling")
            interval = settings.worker.scheduler_interval
            await Scheduler(ledger, jobs, clock=system_clock, interval=interval).run(stop)
    finally:
        jobs.close()
