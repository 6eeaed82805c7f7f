"""`unglue scheduler`: dispatch work whose time has come."""

import asyncio

import click
import structlog

from service.supervision.checks import start_up
from service.supervision.signals import stop_on_signals
from workers.audit.configuration import recorded
from workers.processes.duties import duties
from workers.processes.runtime import open_ledger, open_queue
from workers.processes.scheduler import Scheduler
from workers.processes.stopping import beside
from workers.settings import Settings
from workers.times.clock import system_clock
from workers.upkeep.continuity import continuity_of
from workers.upkeep.heartbeat import DeadManSwitch
from workers.upkeep.pulse import pulsing

log = structlog.get_logger()


@click.command()
def scheduler() -> None:
    """Dispatch work whose time has come. One is enough; two do no harm."""
    asyncio.run(_schedule(start_up("scheduler")))


async def _schedule(settings: Settings) -> None:
    stop = stop_on_signals()
    async with (
        open_queue(settings) as jobs,
        open_ledger(settings) as ledger,
        recorded(settings, ledger, "scheduler", system_clock),
        beside(pulsing(settings.worker.pulse)),
        beside(DeadManSwitch(settings, ledger, system_clock).run()),
    ):
        log.info("scheduling")
        interval = settings.worker.scheduler_interval
        await Scheduler(
            ledger,
            jobs,
            clock=system_clock,
            interval=interval,
            duties=duties(settings, ledger, jobs),
            continuity=continuity_of(settings, ledger, system_clock, "scheduler", writes=True),
        ).run(stop)
