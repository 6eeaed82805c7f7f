"""`unglue outbox`: send results and notifications."""

import asyncio

import click
import structlog

from service.supervision.checks import start_up
from service.supervision.signals import stop_on_signals
from workers.outbox.process import send_until
from workers.processes.stopping import beside
from workers.settings import Settings
from workers.upkeep.pulse import pulsing

log = structlog.get_logger()


@click.command()
def outbox() -> None:
    """Send results to callback URLs and notifications to people.

    A worker brings an outbox of its own along, unless it is started with --no-outbox. Several do no
    harm.
    """
    asyncio.run(_send(start_up("outbox")))


async def _send(settings: Settings) -> None:
    stop = stop_on_signals()
    log.info("sending")
    async with beside(pulsing(settings.worker.pulse)):
        await send_until(settings, stop)
    log.info("stopped")
