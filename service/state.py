"""What the routes work with, made when the service starts."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from service.attempts import FailedAttempts
from service.operators import Caller, authenticate
from workers.audit.configuration import recorded
from workers.clock import Clock, system_clock
from workers.intake import Intake
from workers.ledger.ledger import Ledger
from workers.queue import JobQueue
from workers.runtime import open_intake, open_ledger, redis_url
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The parts of a running service."""

    settings: Settings
    ledger: Ledger
    intake: Intake
    jobs: JobQueue
    clock: Clock
    attempts: FailedAttempts


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[ServiceState]:
    """The parts, for as long as the service runs."""
    jobs = JobQueue(redis_url(settings))
    try:
        async with (
            open_ledger(settings) as ledger,
            open_intake(settings, ledger) as intake,
            recorded(settings, ledger, "service", system_clock),
        ):
            yield ServiceState(
                settings, ledger, intake, jobs, system_clock, FailedAttempts(time.monotonic)
            )
    finally:
        jobs.close()


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
