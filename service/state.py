"""What the routes work with, made when the service starts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from starlette.requests import Request

from service.acceptance import accepted
from service.operators import Caller, authenticate
from workers.audit.configuration import recorded
from workers.clock import Clock, system_clock
from workers.intake import Intake
from workers.ledger.ledger import Ledger
from workers.queue import JobQueue
from workers.runtime import new_id, open_intake, open_ledger, redis_url
from workers.settings import Settings
from workers.spool.keeper import SpoolKeeper
from workers.spool.spool import Spool


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The parts of a running service."""

    settings: Settings
    ledger: Ledger
    intake: Intake
    jobs: JobQueue
    clock: Clock
    spool: Spool | None = None


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[ServiceState]:
    """The parts, for as long as the service runs."""
    jobs = JobQueue(redis_url(settings))
    spool = None
    if settings.spool_dir:
        spool = Spool(Path(settings.spool_dir), settings.spool_max_bytes, new_id)
    try:
        async with (
            open_ledger(settings, prompt=True) as ledger,
            open_intake(settings, ledger, spool) as intake,
            recorded(settings, ledger, "service", system_clock),
            _kept(spool, ledger, intake, jobs),
        ):
            yield ServiceState(settings, ledger, intake, jobs, system_clock, spool)
    finally:
        jobs.close()


@asynccontextmanager
async def _kept(
    spool: Spool | None, ledger: Ledger, intake: Intake, jobs: JobQueue
) -> AsyncIterator[None]:
    """The spool is drained in the background, and at the end signed off or left to the next."""
    if spool is None:
        yield
        return
    keeper = SpoolKeeper(spool, ledger, intake, system_clock, partial(accepted, jobs))
    running = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await keeper.stop()


def state_of(request: Request) -> ServiceState:
    """The parts, for a route."""
    return cast("ServiceState", request.state.service)


def caller_of(request: Request) -> Caller:
    """The operator who sent this request.

    Raises:
        Unauthorized: nobody known did.
    """
    operators = state_of(request).settings.operators
    return authenticate(operators, request.headers.get("authorization"))
