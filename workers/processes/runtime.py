"""Everything a process of ours works with, built from the settings and taken down again."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's own is meant

from workers.intake.intake import STORAGE_SECONDS, Intake
from workers.intake.signing_keys import SigningKeys
from workers.intake.spool.spool import Spool
from workers.ledger.installation.memory import Memory
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.network.redis_url import connect, speaks_tls, with_authority
from workers.processes.lease import own_holder
from workers.processes.queue import HandOff, JobQueue
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
                memory=memory or Memory(),
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
            spool=spool,
            mode=settings.policy.mode,
            on_the_way=(lambda: hand_off.count) if hand_off is not None else None,
        )
        yield intake
