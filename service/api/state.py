"""What the routes work with, made when the service starts."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from redis.exceptions import RedisError
from starlette.requests import Request

from adapters.errors import InvalidRequest
from service.access.attempts import FailedAttempts
from service.access.logins import Logins
from service.access.operators import Caller, authenticate
from service.api.acceptance import accepted
from service.api.connections import Connections
from workers.audit.configuration import recorded
from workers.intake.intake import Intake
from workers.intake.spool.keeper import SpoolKeeper
from workers.intake.spool.spool import Spool
from workers.ledger.installation.heartbeats import SERVICE, SERVICE_LASTS
from workers.ledger.ledger import Ledger
from workers.processes.queue import HandOff, JobQueue
from workers.processes.runtime import new_id, open_intake, open_ledger, open_queue
from workers.processes.stopping import beside
from workers.settings import Settings
from workers.times.clock import Clock, system_clock
from workers.times.limits import TimeLimits
from workers.upkeep.continuity import continuity_of
from workers.upkeep.silence import warn_of_gone_sources
from workers.upkeep.storage import StorageUnfit, fit_unless_away

if TYPE_CHECKING:
    from service.access.oidc import Provider


@dataclass(frozen=True, slots=True)
class Server:
    """What is known of the server around the application; `stopping` once it is told to stop."""

    connections: Connections | None
    stopping: asyncio.Event


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The parts of a running service."""

    settings: Settings
    ledger: Ledger
    intake: Intake
    jobs: JobQueue
    hand_off: HandOff
    clock: Clock
    attempts: FailedAttempts
    logins: Logins
    server: Server
    spool: Spool | None = None
    provider: "Provider | None" = None
    limits: TimeLimits = field(default_factory=TimeLimits)


Refuse = Callable[[StorageUnfit], None]
_ASK_AGAIN_SECONDS = 1.0
_FIRST_SECONDS = 1.0
_LOOKS_A_BEAT = 5


@asynccontextmanager
async def open_state(
    settings: Settings, refuse: Refuse, server: Server, provider: "Provider | None" = None
) -> AsyncIterator[ServiceState]:
    """The parts, while the service runs; `refuse` is called once Redis is found unfit."""
    attempts, logins = FailedAttempts(time.monotonic), Logins(system_clock)
    looked = asyncio.Event()
    spool = None
    if settings.spool_dir:
        spool = Spool(Path(settings.spool_dir), settings.spool_max_bytes, new_id)
    async with (
        open_queue(settings) as jobs,
        (hand_off := HandOff(jobs)).running(),
        open_ledger(settings, prompt=True) as ledger,
        open_intake(settings, ledger, spool, hand_off) as intake,
        beside(_compared(settings, ledger, looked)),
        recorded(settings, ledger, "service", system_clock),
        beside(_until_fit(settings, ledger, refuse)),
        _kept(spool, ledger, intake, hand_off),
        logins.reporting(ledger.audit),
    ):
        with contextlib.suppress(TimeoutError):
            # A new ledger is founded before the first request.
            await asyncio.wait_for(looked.wait(), _FIRST_SECONDS)
        yield ServiceState(
            settings,
            ledger,
            intake,
            jobs,
            hand_off,
            system_clock,
            attempts,
            logins,
            server,
            spool,
            provider,
        )


@asynccontextmanager
async def _kept(
    spool: Spool | None, ledger: Ledger, intake: Intake, hand_off: HandOff
) -> AsyncIterator[None]:
    """The spool is drained in the background, and at the end signed off or left to the next."""
    if spool is None:
        yield
        return
    keeper = SpoolKeeper(spool, ledger, intake, system_clock, partial(accepted, hand_off))
    # Before the first request: who asks at once must not hear that the spool is unusable.
    await keeper.look_around()
    try:
        async with beside(keeper.run()):
            yield
    finally:
        await keeper.stop()


async def _compared(settings: Settings, ledger: Ledger, looked: asyncio.Event) -> None:
    """The ledger is compared with what is known of it, all the time; `looked`: it was once.

    It is said there, too, that a service is alive.
    """
    continuity = continuity_of(settings, ledger, system_clock, SERVICE, writes=True)
    for look in itertools.count():
        # Redis is away: whoever needs it says so, and it is compared when it is back.
        with contextlib.suppress(RedisError, OSError):
            await continuity.look()
            if look % _LOOKS_A_BEAT == 0:
                await ledger.heartbeats.beat(SERVICE, system_clock(), SERVICE_LASTS)
        looked.set()
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


async def _until_fit(settings: Settings, ledger: Ledger, refuse: Refuse) -> None:
    while True:
        try:
            if await fit_unless_away(ledger):
                with contextlib.suppress(RedisError, OSError):
                    await warn_of_gone_sources(settings, ledger)
                return
        except StorageUnfit as error:
            refuse(error)
            return
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


def state_of(request: Request) -> ServiceState:
    """The parts, for a route."""
    return cast("ServiceState", request.state.service)


def caller_of(request: Request) -> Caller:
    """The operator who sent this request.

    Raises:
        Unauthorized: nobody known did.
        TooManyAttempts: the same, and too often from this address.
        InvalidRequest: it acts, and says something in its address that nobody would read, such as
            `?dry_run=true`.
    """
    caller = caller_with(request, request.headers.get("authorization"))
    if request.method not in {"GET", "HEAD"} and request.url.query:
        raise InvalidRequest("what acts takes nothing from its address: write it into the body")
    return caller


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
