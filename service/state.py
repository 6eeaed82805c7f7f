"""What the routes work with, made when the service starts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from starlette.requests import Request

from service.logins import Logins
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
    logins: Logins


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[ServiceState]:
    """The parts, for as long as the service runs."""
    jobs = JobQueue(redis_url(settings))
    logins = Logins(system_clock)
    try:
        async with (
            open_ledger(settings) as ledger,
            open_intake(settings, ledger) as intake,
            recorded(settings, ledger, "service", system_clock),
            logins.reporting(ledger.audit),
        ):
            yield ServiceState(settings, ledger, intake, jobs, system_clock, logins)
    finally:
        jobs.close()


def state_of(request: Request) -> ServiceState:
    """The parts, for a route."""
    return cast("ServiceState", request.state.service)


def caller_of(request: Request) -> Caller:
    """The operator who sent this request.

    Raises:
        Unauthorized: nobody known did.
        TooManyAttempts: the same, and too often from this address.
    """
    return caller_with(request, request.headers.get("authorization"))


def caller_with(request: Request, authorization: str | None) -> Caller:
    """The operator whose token came with this request by another way than its header.

    Raises:
        Unauthorized: nobody known did.
        TooManyAttempts: the same, and too often from this address.
    """
    state = state_of(request)
    return state.logins.admit(
        request.client.host if request.client else None,
        authorization,
        partial(authenticate, state.settings.operators),
    )
