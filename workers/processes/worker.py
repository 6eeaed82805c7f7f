"""The worker process: works while Redis is there, and waits while it is not."""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import structlog
from redis import Redis
from redis.exceptions import RedisError

from workers.audit.configuration import record_configuration
from workers.ledger.deleting.leases import Kind
from workers.ledger.installation.condition import condition, condition_of
from workers.ledger.installation.heartbeats import WORKER, WORKER_LASTS
from workers.ledger.records import Deletion, readers
from workers.ledger.store import REPLICA_MS, source
from workers.network.tls import load_client, public_authorities
from workers.outbox.process import Beside
from workers.processes import jobs  # imported before the fork, so that a job starts at once
from workers.processes.connections import open_connections
from workers.processes.job_table import FOREIGN
from workers.processes.runtime import open_ledger, queue_of, redis_url
from workers.processes.steady_worker import Beginning, SteadyWorker, Stop
from workers.settings import Settings
from workers.times.clock import system_clock, to_ms
from workers.times.durations import milliseconds
from workers.upkeep.continuity import CLOCK_OFF, continuity_of
from workers.upkeep.pulse import beat
from workers.upkeep.storage import require_fit

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 5.0
_LEASED: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "advance_deletion": "deletion",
        "run_sweep": "sweep",
        "run_replay": "replay",
        "catch_up": "catch_up",
    }
)

__all__ = ["jobs", "run_worker"]

log = structlog.get_logger()


def run_worker(settings: Settings, *, outbox: bool = False) -> None:
    """Work until SIGTERM or SIGINT: the job under way is finished first.

    With `outbox` a sender of results and notifications runs beside it. Raises StorageUnfit: Redis
    would lose the record.
    """
    stop = jobs.stop()
    stop.listen()
    _load_ahead()
    sender = Beside.of(settings) if outbox else None
    try:
        _work_on(settings, stop, sender)
    finally:
        if sender is not None:
            sender.stop()
    log.info("stopped")


def _load_ahead() -> None:
    """What the process of each job would load anew: it is a fork of this one."""
    jobs.configured()
    public_authorities(trust_env=True)
    public_authorities()
    load_client()
    for script in ("found_ledger", "bind_account", "take_along", "lease", "renew", "take_request",
                   "record", "begin_delete"):  # fmt: skip
        source(script)
    readers(Deletion)
    # Nothing of this is garbage, and a page that nobody writes to is not copied for a fork.
    gc.collect()
    gc.freeze()


def _work_on(settings: Settings, stop: Stop, sender: Beside | None) -> None:
    said: str | None = None
    wait = _FIRST_WAIT

    def ready() -> None:
        nonlocal said, wait
        if said is not None:
            log.info("redis_available")
        said, wait = None, _FIRST_WAIT

    while not stop.told():
        beat(settings.worker.pulse)
        if sender is not None:
            sender.keep()
        trouble = asyncio.run(_trouble(settings))
        if trouble is None:
            trouble = _work(settings, stop, ready, sender)
        if stop.told():
            break
        if trouble != said:
            log.warning("waiting" if trouble == CLOCK_OFF else "redis_unavailable", redis=trouble)
        said = trouble
        stop.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _work(settings: Settings, stop: Stop, ready: Callable[[], None], sender: Beside | None) -> str:
    """Work until told to stop or until Redis fails; what it said."""

    def refused(job_id: str, why: str) -> None:
        asyncio.run(_audit(settings, job_id, why))

    def died(job: str, record_id: str, holder: str) -> None:
        kind = _LEASED.get(job)
        if kind is not None:
            asyncio.run(_give_back(settings, kind, record_id, holder))

    try:
        worker = SteadyWorker(
            redis_url(settings),
            stop,
            ready,
            refused,
            queue_of(settings),
            partial(_keep_up, settings, sender),
            died,
            Beginning(jobs.memory(), partial(_rehearse, settings)),
        )
        worker.work(logging_level="WARNING")
    except (RedisError, OSError) as error:
        return condition_of(error) or "refusing"
    finally:
        stop.worker = None
    return "interrupted"


def _keep_up(settings: Settings, sender: Beside | None, redis: Redis) -> None:
    """Say that a worker is alive, and remember how far the ledger has come, for the next job.

    Another ledger, or less of this one, is not taken in: the job sees the difference.
    """
    beat(settings.worker.pulse)
    if sender is not None:
        sender.keep()
    with redis.pipeline(transaction=True) as at_once:
        at_once.hget(f"{settings.redis_prefix}ledger", "id")
        at_once.get(f"{settings.redis_prefix}audit:number")
        at_once.lindex(f"{settings.redis_prefix}audit:tips", -1)
        # Last, so that the replicas that have it have what was read.
        at_once.set(
            f"{settings.redis_prefix}heartbeat:{WORKER}",
            to_ms(system_clock()),
            px=milliseconds(WORKER_LASTS),
        )
        ledger_id, mark, tip, _ = at_once.execute()
    known = jobs.memory()
    if ledger_id is None or ledger_id.decode() != known.id:
        return
    if not settings.replicas or redis.wait(settings.replicas, REPLICA_MS) >= settings.replicas:
        known.remember(known.id, int(mark or 0), (tip or b"").decode())


def _rehearse(settings: Settings, redis: Redis) -> None:
    """What each job begins with, for no deletion, in the process of the next one.

    A page is copied, and a line of code at its quickest, after it was used. No connection stays.
    """

    async def rehearse() -> None:
        async with open_connections(settings) as connections:
            ledger = connections.ledger
            await ledger.asset_types.load()
            await ledger.deletions.lease("", system_clock())

    with contextlib.suppress(RedisError, OSError):
        with redis.pipeline() as transaction:
            transaction.ping()
            transaction.execute()
        redis.connection_pool.disconnect()
        asyncio.run(rehearse())


async def _give_back(settings: Settings, kind: Kind, record_id: str, holder: str) -> None:
    """What the process of a job held, when it was seen to end."""
    try:
        async with open_ledger(settings, prompt=True) as ledger:
            leases = ledger.leases
            along = await leases.taken_along(holder) if kind == "deletion" else ()
            for each in (record_id, *along):
                given = await leases.give_back(kind, each, holder, system_clock())
                log.warning("job_died", record_id=each, given_back=given)
    except (RedisError, OSError) as error:
        # The end of the lease does the same, later.
        log.warning("not_given_back", record_id=record_id, error=type(error).__name__)


async def _audit(settings: Settings, job_id: str, why: str) -> None:
    async with open_ledger(settings, prompt=True) as ledger:
        await ledger.audit.write_seldom(FOREIGN, {"job": job_id, "why": why}, system_clock())


async def _trouble(settings: Settings) -> str | None:
    """What keeps Redis from being worked with. Raises StorageUnfit: it would lose the record."""
    try:
        async with open_ledger(settings, prompt=True, memory=jobs.memory()) as ledger:
            await require_fit(ledger)
            trouble = await condition(ledger.store.redis, ledger.store.key("probe"))
            if trouble is None:
                await record_configuration(settings, ledger, "worker", system_clock)
                continuity = continuity_of(settings, ledger, system_clock, "worker", writes=False)
                if await continuity.look() == CLOCK_OFF:
                    return CLOCK_OFF
    except (RedisError, OSError) as error:
        return condition_of(error) or "refusing"
    return trouble
