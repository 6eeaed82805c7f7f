"""A primary dies and its replica takes over: what was answered is there, what is not is missed.

`python -m tests.soak_failover` does the first of them with thousands of deliveries.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from service.sandbox.settings import SandboxSettings
from tests.soak_failover import run
from tests.support.clock import TestClock
from tests.support.ledgers import begin_anew, memory_of
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from tests.support.sentinels import Watched, online, until, watched_by_sentinels
from workers.ledger.deleting.deletions import Change, Fenced
from workers.ledger.installation.condition import NotDurable
from workers.ledger.installation.stop_switch import LEDGER_LOST
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.network.redis_url import connect
from workers.processes.queue import QUEUE_KEY
from workers.upkeep.continuity import Continuity
from workers.upkeep.witness import Witnesses

CLIENTS, EVENTS = 4, 60


def test_the_primary_is_killed_during_deliveries() -> None:
    outcome = run(CLIENTS, EVENTS, kills=1)
    assert outcome.faults(CLIENTS) == []
    assert outcome.attempts > outcome.deliveries, "nothing was refused: it was not killed in time"


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watched_by_sentinels() as made:
        yield made


@contextmanager
def cut_off(watched: Watched) -> Iterator[None]:
    """From here on the primary's replica hears nothing more; then the primary dies."""
    primary, replica = watched.primary(), watched.replica()
    os.kill(replica.pid, signal.SIGSTOP)
    try:
        with primary.client() as redis:
            redis.execute_command("CLIENT", "KILL", "TYPE", "REPLICA")
        until(lambda: online(primary) == 0, "the replica is cut off")
        yield
        primary.kill()
    finally:
        os.kill(replica.pid, signal.SIGCONT)
    watched.wait_until_another(primary)
    watched.join(primary)


def over(redis: Redis, min_replicas: int, name: str = "1") -> Ledger:
    minute = timedelta(minutes=1)
    store = Store(
        redis, queue_key=QUEUE_KEY, lease=minute, requeue_after=minute, own_clock=True,
        retention=timedelta(days=400), min_replicas=min_replicas, holder=name,
    )  # fmt: skip
    return Ledger(store)


@asynccontextmanager
async def opened(watched: Watched) -> AsyncIterator[Redis]:
    redis = connect(watched.url, retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.05), 3))
    try:
        yield redis
    finally:
        await redis.aclose()


async def looked(ledger: Ledger, clock: TestClock) -> str | None:
    return await Continuity(ledger, Witnesses([], writes=False), clock, "worker").look()


async def test_a_new_primary_that_is_behind_pauses(watched: Watched, clock: TestClock) -> None:
    """Where nobody waited for replicas."""
    async with opened(watched) as redis:
        await begin_anew(redis)
        await redis.wait(1, 5000)
        ledger = over(redis, min_replicas=0)
        ledger.store.memory = await memory_of(redis)
        policy = {"eligible_statuses": ("Active", "Inactive")}
        async with Rehearsal(ledger, clock, SandboxSettings(), policy) as it:
            asked = await it.ask(org_id=TEST_COMPANY)
            await redis.wait(1, 5000)
            with cut_off(watched):
                held = await ledger.deletions.lease(asked, clock())
                await ledger.stop_switch.pause("alice", "a no that will be lost", clock())
                assert await looked(ledger, clock) is None
            # Nobody took it, as far as this server knows, and nobody paused.
            other = over(redis, min_replicas=0)
            other.store.memory = ledger.store.memory
            clock.forward(seconds=1)
            assert await ledger.stop_switch.pauses() == ()
            taken = await other.deletions.lease(asked, clock())
            assert held is not None
            assert taken is not None
            assert taken.fence != held.fence
            with pytest.raises(Fenced):
                await ledger.deletions.record(held, Change(state="blocked"), clock())
            clock.forward(minutes=2)
            waits = await it.advance(asked)
            assert waits.state == "retrying"
            assert await it.deletes() == []
            assert await looked(ledger, clock) == LEDGER_LOST
            assert [each.cause for each in await ledger.stop_switch.pauses()] == [LEDGER_LOST]


async def test_what_no_replica_has_is_not_answered(watched: Watched, clock: TestClock) -> None:
    async with opened(watched) as redis:
        await begin_anew(redis)
        await redis.wait(1, 5000)
        ledger = over(redis, min_replicas=1)
        policy = {"approval": "never"}
        async with Rehearsal(ledger, clock, SandboxSettings(), policy) as it:
            assert await looked(ledger, clock) is None
            before = await it.event(company="2")
            assert await looked(ledger, clock) is None
            with cut_off(watched):
                with pytest.raises(NotDurable, match="too few replicas"):
                    await it.event(company="9")
                assert await looked(ledger, clock) is None
            # It is behind what was done, and not behind what anybody was told.
            assert await looked(ledger, clock) is None
            assert await ledger.stop_switch.pauses() == ()
            assert before.deletion_id is not None
            assert (await it.run(before.deletion_id))["deleted"] is True
            assert len(await it.deletes()) == 1
