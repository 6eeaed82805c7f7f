"""What RQ runs, each in an event loop of its own: an id comes in, the ledger says what to do.

Nothing here catches what it does not expect: a job that ends in an exception stays visible in
RQ's failed registry, and the deletion is taken up again when its lease ends: nothing renews it.
"""

import os
import time
from collections.abc import Callable, Coroutine
from functools import cache, partial, wraps
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from adapters.errors import CallsStopped, UnglueError
from workers.bulk.catch_up.walk import Way, advance_catch_up
from workers.bulk.replay.walk import Means, advance_replay
from workers.bulk.sweep.walk import advance_sweep
from workers.itglue.account import daily_read
from workers.ledger.deleting.deletions import Fenced
from workers.ledger.installation.memory import Memory
from workers.pipeline.advance import advance
from workers.pipeline.states import FAILED
from workers.processes.company import in_company, joins
from workers.processes.connections import (
    Connections,
    context_over,
    open_connections,
    open_context,
)
from workers.processes.lease import own_holder
from workers.processes.runtime import new_id, open_intake, open_ledger, open_queue
from workers.processes.steady_worker import Stop
from workers.psa.companies import Asked
from workers.settings import Settings, load_settings
from workers.times.clock import rfc3339, system_clock
from workers.traces import tracing
from workers.upkeep.aftercare import look_back
from workers.upkeep.continuity import CLOCK_OFF, continuity_of

# How long others may join a deletion: the last one to join has what is left of the job's time.
_JOIN_SECONDS: Final = 20.0

log = structlog.get_logger()
_Job = Callable[[str], Coroutine[Any, Any, None]]


class DeletionFailed(UnglueError):
    """Raised after everything was recorded, so that the failed job can be seen in RQ's tools."""

    code = "DeletionFailed"


def _about(name: str) -> Callable[[_Job], _Job]:
    """What is logged during the job names its record. Who lost the lease leaves it to its taker."""

    def bound(job: _Job) -> _Job:
        @wraps(job)
        async def run(record_id: str) -> None:
            with bound_contextvars(**{name: record_id}):
                try:
                    await job(record_id)
                except Fenced as error:
                    log.warning("fenced", detail=error.message)
                finally:
                    # A job's process ends without a word.
                    tracing.flush()

        return run

    return bound


@cache
def configured() -> Settings:
    """As this worker found them when it began; a job's process inherits them."""
    return load_settings(os.environ)


@cache
def memory() -> Memory:
    """What this worker remembers of the ledger; a job's process inherits it."""
    return Memory()


@cache
def stop() -> Stop:
    """What this worker is told; a job's process inherits it."""
    return Stop()


@_about("deletion_id")
async def advance_deletion(deletion_id: str) -> None:
    """Do what is due of a deletion and, while that waits, of others that are next in the queue."""
    settings = configured()
    began = time.monotonic()
    async with open_connections(settings, memory=memory()) as connections:

        def room(under_way: int) -> bool:
            if under_way >= settings.worker.concurrency or stop().nothing_more():
                return False
            # Without a worker nobody would see this process die, and give back what it holds.
            return bool(own_holder()) and time.monotonic() - began < _JOIN_SECONDS

        await in_company(
            deletion_id,
            partial(_advance, settings=settings, connections=connections),
            partial(joins, deletion_id, connections.ledger, settings.itglue.requests_per_5_minutes),
            room,
        )


async def _advance(deletion_id: str, settings: Settings, connections: Connections) -> None:
    ledger = connections.ledger
    with bound_contextvars(deletion_id=deletion_id):
        continuity = continuity_of(settings, ledger, system_clock, "worker", writes=False)
        if await continuity.look() == CLOCK_OFF:
            # It stays due, for a worker whose clock is right.
            return
        async with context_over(connections, settings) as context:
            try:
                deletion = await advance(deletion_id, context)
            except Fenced as error:
                log.warning("fenced", deletion_id=deletion_id, detail=error.message)
                return
            if deletion is None:
                return
            codes = [error.code for error in deletion.errors]
            log.info("advanced", deletion_id=deletion_id, state=deletion.state, errors=codes)
    if deletion.state == FAILED and "ITGlueConnectionError" in codes:
        # Ids and codes only: RQ's tools show this text, and not all of them escape it.
        raise DeletionFailed(
            f"{deletion_id}: {', '.join(codes)}; see: unglue deletions {deletion_id}"
        )


@_about("delivery_id")
async def verify_delivery(delivery_id: str) -> None:
    """Verify one quarantined delivery."""
    settings = configured()
    async with open_ledger(settings) as ledger, open_intake(settings, ledger) as intake:
        acknowledged = await intake.release(delivery_id)
        if acknowledged is not None:
            verdict = acknowledged.strongest.verdict
            log.info("released", delivery_id=delivery_id, verdict=verdict)


@_about("deletion_id")
async def look_back_at_deletion(deletion_id: str) -> None:
    """Look whether a deleted organization came back."""
    async with open_context(configured()) as context:
        try:
            await look_back(deletion_id, context)
        except CallsStopped:
            log.info("calls_stopped", deletion_id=deletion_id)


@_about("sweep_id")
async def run_sweep(sweep_id: str) -> None:
    """Do the next slice of a sweep."""
    settings = configured()
    async with open_queue(settings) as jobs, open_context(settings) as context:
        sweep = await advance_sweep(sweep_id, context, jobs.advance, new_id)
    if sweep is not None:
        log.info("swept", sweep_id=sweep_id, schedule=sweep.schedule, state=sweep.state)


@_about("replay_id")
async def run_replay(replay_id: str) -> None:
    """Do the next slice of a bulk replay."""
    settings = configured()
    async with (
        open_queue(settings) as jobs,
        open_ledger(settings) as ledger,
        open_intake(settings, ledger) as intake,
    ):
        means = Means(ledger, intake, jobs.advance, system_clock, settings)
        replay = await advance_replay(replay_id, means)
    if replay is not None:
        log.info("replayed", replay_id=replay_id, done=replay.next, state=replay.state)


@_about("catch_up_id")
async def catch_up(catch_up_id: str) -> None:
    """Do the next slice of catching up with a source."""
    settings = configured()
    async with (
        open_queue(settings) as jobs,
        open_ledger(settings) as ledger,
        open_intake(settings, ledger) as intake,
        Asked(settings.sources) as companies,
    ):
        way = Way(ledger, intake, companies, settings, jobs.advance, system_clock)
        run = await advance_catch_up(catch_up_id, way)
    if run is not None:
        found = {"inactive": run.inactive, "active": run.active}
        log.info("caught_up", source=run.source, point=rfc3339(run.point), **found)


async def send_callback(_callback_id: str) -> None:
    """Nothing: an older version queued it, and the sender takes what is due from the ledger."""


async def tell_people(_notice_id: str) -> None:
    """Nothing, for the same reason."""


async def read_the_account(_name: str) -> None:
    """Make the daily read, even while IT Glue is asked nothing else."""
    async with open_context(configured(), while_stopped=True) as context:
        await daily_read(context)
