"""`unglue scheduler`: hand out what is due."""

import asyncio

import click
import structlog

from service.checks import start_up
from service.signals import stop_on_signals
from workers.audit.configuration import recorded
from workers.clock import system_clock
from workers.continuity import continuity_of
from workers.duties import duties
from workers.runtime import open_ledger, open_queue
from workers.scheduler import Scheduler
from workers.settings import Settings

log = structlog.get_logger()


@click.command()
def scheduler() -> None:
    """Hand out what is due. One is enough; two do no harm."""
    asyncio.run(_schedule(start_up()))


async def _schedule(settings: Settings) -> None:
    stop = stop_on_signals()
    async with (
        open_queue(settings) as jobs,
        open_ledger(settings) as ledger,
        recorded(settings, ledger, "scheduler", system_clock),
    ):
        log.info("scheduling")
        interval = settings.worker.scheduler_interval
        scheduler_ = Scheduler(
            ledger,
            jobs,
            clock=system_clock,
            interval=interval,
            duties=duties(settings, ledger, jobs),
            continuity=continuity_of(settings, ledger, system_clock, "scheduler", writes=True),
        )
        await scheduler_.run(stop)
