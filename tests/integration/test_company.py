"""Who may be advanced in the process of another one's job, and what becomes of the others."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from rq.timeouts import JobTimeoutException

from tests.support.clock import TestClock
from tests.support.deletions import requested
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.processes.company import in_company, joins
from workers.times.clock import system_clock

Another = Callable[[int], Awaitable[str | None]]


def brings(*names: str) -> Another:
    left = list(names)

    async def another(_: int) -> str | None:
        return left.pop(0) if left else None

    return another


async def test_they_are_advanced_together_and_each_to_its_end() -> None:
    met, ended = asyncio.Barrier(3), list[str]()

    async def advance(name: str) -> None:
        async with met:
            pass
        if name == "b":
            raise ValueError(name)
        await asyncio.sleep(0)
        ended.append(name)

    with pytest.raises(ValueError, match="b"):
        await in_company("a", advance, brings("b", "c"), lambda count: count < 3)
    assert sorted(ended) == ["a", "c"]


async def test_the_end_of_the_jobs_time_is_the_end_of_all() -> None:
    cancelled = list[str]()

    async def advance(name: str) -> None:
        if name == "b":
            raise JobTimeoutException
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    with pytest.raises(JobTimeoutException):
        await in_company("a", advance, brings("b"), lambda count: count < 3)
    assert cancelled == ["a"]


async def test_without_redis_nobody_joins_and_nobody_is_ended() -> None:
    asked, ended = asyncio.Event(), list[str]()

    async def another(_: int) -> str | None:
        asked.set()
        raise ConnectionLost

    async def advance(name: str) -> None:
        await asked.wait()
        ended.append(name)

    await in_company("a", advance, another, lambda _: True)
    assert ended == ["a"]


@pytest.fixture
async def queued(ledger: Ledger, redis: Redis, clock: TestClock) -> tuple[str, ...]:
    """Three deletions in the queue, the first of them off it as RQ takes it."""
    ids = ("del_1", "del_2", "del_3")
    for deletion_id in ids:
        _, number = await requested(ledger, deletion_id, clock())
        await redis.rpush(ledger.store.queue_key, f"{deletion_id}-{number}")
    await redis.lpop(ledger.store.queue_key)
    ledger.store.holder = "worker:1"
    return ids


async def test_the_next_one_joins(ledger: Ledger, redis: Redis, queued: tuple[str, ...]) -> None:
    first, second, third = queued
    names: Any = await redis.lrange(ledger.store.queue_key, 0, -1)
    await redis.hset(f"rq:job:{names[0].decode()}", "data", "x")
    assert await ledger.leases.take_along(first) == second
    assert await ledger.leases.taken_along("worker:1") == (second,)
    assert await redis.lrange(ledger.store.queue_key, 0, -1) == names[1:]
    assert await redis.keys("rq:job:*") == []
    assert await ledger.leases.take_along(first) == third
    assert await ledger.leases.take_along(first) is None
    assert await ledger.leases.taken_along("worker:2") == ()


@pytest.mark.parametrize("whose", [0, 1])
async def test_what_ended_a_process_is_alone_in_the_next(
    ledger: Ledger, clock: TestClock, queued: tuple[str, ...], whose: int
) -> None:
    first, dead = queued[0], queued[whose]
    ledger.store.holder = "worker:0"
    await ledger.deletions.lease(dead, clock())
    await ledger.leases.give_back("deletion", dead, "worker:0", clock())
    ledger.store.holder = "worker:1"
    assert await ledger.leases.take_along(first) is None
    if whose == 0:
        # Nor while it works, until it has ended in order.
        held = await ledger.deletions.lease(dead, clock())
        assert held is not None
        assert held.deaths == 1
        assert await ledger.leases.take_along(first) is None
        await ledger.deletions.record(held, Change("retrying", ready_at=clock()), clock())
        assert await ledger.leases.take_along(first) is not None


async def test_only_what_the_ledger_numbered_is_taken(
    ledger: Ledger, redis: Redis, queued: tuple[str, ...]
) -> None:
    first, second, _ = queued
    key = ledger.store.key("deletion", second)
    for name in ("swp_1-5", f"{second}-999", "os.system", "del_9-1", f"other-{second}-2"):
        await redis.lpush(ledger.store.queue_key, name)
        assert await ledger.leases.take_along(first) is None
        assert await redis.lpop(ledger.store.queue_key) == name.encode()
    await redis.hset(key, "state", "cancelled")
    assert await ledger.leases.take_along(first) is None


async def test_nobody_joins_beyond_the_budget(ledger: Ledger, queued: tuple[str, ...]) -> None:
    for _ in range(2):
        await ledger.budget.take(system_clock(), limit=300, reserve=1, destructive=False)
    assert await joins(queued[0], ledger, 301, 2) is None
    assert await joins(queued[0], ledger, 302, 2) == queued[1]
    await ledger.budget.hold(system_clock() + timedelta(minutes=1), system_clock())
    assert await joins(queued[0], ledger, 3000, 1) is None
