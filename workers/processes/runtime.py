"""Everything a process of ours works with, built from the settings and taken down again."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom

from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's own is meant

from workers.intake.intake import STORAGE_SECONDS, Intake
from workers.intake.signing_keys import SigningKeys
from workers.intake.spool.spool import Spool
from workers.itglue.budget import Throttle
from workers.itglue.client import ITGlue
from workers.itglue.http.transport import Hooks, Pool, Transport
from workers.itglue.key_watch import KeyWatch
from workers.itglue.tally import Tally, counted_at_the_end
from workers.ledger.installation.memory import Memory
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.network.redis_url import connect, speaks_tls, with_authority
from workers.pipeline.steps.outcome import Context
from workers.processes.lease import own_holder
from workers.processes.queue import HandOff, JobQueue
from workers.psa.companies import Asked
from workers.psa.watched import Watched
from workers.settings import Settings
from workers.times.clock import system_clock

DEFAULT_REDIS_URL = "redis://localhost:6379/0"


def redis_url(settings: Settings) -> str:
    """The server to use: the configured one, or the usual local one."""
    return _believed(settings, settings.redis_url or DEFAULT_REDIS_URL)


def dashboard_redis_url(settings: Settings) -> str:
    """The same for the RQ dashboard, which may have a user of its own that only reads."""
    own = settings.dashboard_redis_url
    return _believed(settings, own) if own else redis_url(settings)


def _believed(settings: Settings, url: str) -> str:
    return with_authority(url, settings.redis_ca) if settings.redis_ca and speaks_tls(url) else url


def queue_of(settings: Settings) -> str:
    """The name of RQ's queue of this installation."""
    return settings.redis_prefix.removesuffix(":")


def new_id(kind: str) -> str:
    """An identifier nobody can guess, of letters and digits, with its kind in front."""
    return f"{kind}_{secrets.token_hex(10)}"


@asynccontextmanager
async def open_ledger(
    settings: Settings, *, prompt: bool = False, memory: Memory | None = None
) -> AsyncIterator[Ledger]:
    """The ledger of this installation.

    Commands are repeated over a broken connection: each script is safe to run twice. `prompt` is
    for who is waited for: a server that does not answer is given up after less than 2 s. `memory`
    is which ledger this process works with.
    """
    if prompt:
        once = Retry(ExponentialWithJitterBackoff(cap=0.1, base=0.02), 1, (ConnectionError,))
        redis = connect(
            redis_url(settings),
            retry=once,
            socket_connect_timeout=0.8,
            socket_timeout=1.5,
            max_connections=500,
        )
    else:
        redis = connect(
            redis_url(settings),
            retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.05), 2),
            socket_connect_timeout=2,
            socket_timeout=5,
        )
    ledger: Ledger | None = None
    try:
        ledger = Ledger(
            Store(
                redis,
                queue_key=f"rq:queue:{queue_of(settings)}",
                prefix=settings.redis_prefix,
                lease=settings.worker.lease,
                beat=settings.worker.beat,
                holder=own_holder(),
                requeue_after=settings.worker.requeue_after,
                retention=timedelta(days=settings.retention_days),
                fsync=settings.durability == "fsync",
                min_replicas=settings.replicas,
                confirm_within=timedelta(seconds=STORAGE_SECONDS - 0.1 if prompt else 3),
                memory=memory,
            ),
            base_url=settings.itglue.base_url,
        )
        yield ledger
    finally:
        if ledger is not None:
            await ledger.deliveries.close()
        await redis.aclose()


@asynccontextmanager
async def open_queue(settings: Settings) -> AsyncIterator[JobQueue]:
    """The way to the workers."""
    jobs = JobQueue(redis_url(settings), queue_of(settings))
    try:
        yield jobs
    finally:
        jobs.close()


@asynccontextmanager
async def open_intake(
    settings: Settings, ledger: Ledger, spool: Spool | None = None, hand_off: HandOff | None = None
) -> AsyncIterator[Intake]:
    """The way in for deliveries; `hand_off` is how new deletions get from there to the workers."""
    async with SigningKeys.connect() as keys:
        intake = Intake(
            sources=settings.sources,
            deliveries=ledger.deliveries,
            quarantine=ledger.quarantine,
            keys=keys,
            callback_url=settings.callback.url,
            max_event_age=settings.policy.max_event_age,
            clock=system_clock,
            new_id=new_id,
        )
        intake.spool, intake.mode = spool, settings.policy.mode
        if hand_off is not None:
            intake.on_the_way = lambda: hand_off.count
        yield intake


@dataclass(frozen=True, slots=True)
class Connections:
    """The ledger and the ways to IT Glue, which all that one process has under way share."""

    ledger: Ledger
    pool: Pool


@asynccontextmanager
async def open_connections(
    settings: Settings, *, memory: Memory | None = None
) -> AsyncIterator[Connections]:
    """To the ledger and to IT Glue. None is made before it is needed."""
    async with (
        open_ledger(settings, memory=memory) as ledger,
        Pool(
            base_url=settings.itglue.base_url,
            api_key=settings.itglue.api_key,
            timeout_seconds=settings.itglue.timeout_seconds,
            in_flight=settings.itglue.max_concurrent_requests,
        ) as pool,
    ):
        yield Connections(ledger, pool)


@asynccontextmanager
async def context_over(
    connections: Connections,
    settings: Settings,
    *,
    while_stopped: bool = False,
    counts: bool = True,
) -> AsyncIterator[Context]:
    """What the steps of one deletion work with.

    `while_stopped` asks IT Glue although it refused the key too often; `counts` says whether what
    it answers now counts for that.

    Raises:
        AnotherAccount: the record is for another IT Glue account; nothing is asked or sent.
    """
    ledger = connections.ledger
    await ledger.account.require_ours(system_clock())
    throttle = Throttle(
        ledger.budget,
        settings.itglue.requests_per_5_minutes,
        system_clock,
        while_stopped=while_stopped,
    )
    watch = KeyWatch(ledger.stop_switch, system_clock)
    tally = Tally()
    hooks = Hooks(
        throttle.before_request,
        throttle.after_answer,
        watch.key_judged if counts else None,
        tally.answered,
    )
    async with Asked(settings.sources) as companies, counted_at_the_end(tally, ledger.budget):
        types = await ledger.asset_types.load()
        yield Context(
            ledger=ledger,
            itglue=ITGlue(Transport(connections.pool, hooks), types),
            settings=settings,
            clock=system_clock,
            random=SystemRandom(),
            companies=Watched(companies, ledger, settings.sources, system_clock),
            tally=tally,
        )
    await ledger.asset_types.store(types)


@asynccontextmanager
async def open_context(
    settings: Settings,
    *,
    while_stopped: bool = False,
    counts: bool = True,
    memory: Memory | None = None,
) -> AsyncIterator[Context]:
    """The same over connections of its own. Raises AnotherAccount."""
    async with (
        open_connections(settings, memory=memory) as connections,
        context_over(connections, settings, while_stopped=while_stopped, counts=counts) as context,
    ):
        yield context
