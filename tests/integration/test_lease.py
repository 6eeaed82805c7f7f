"""Leases of what is worked on: kept by who works, given back by who saw him die."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from adapters.models import DeletionRequest
from tests.support.clock import TestClock
from tests.support.deletions import begun, requested
from tests.support.ledgers import memory_of
from workers.ledger.bulk.replays import BulkReplay, Order
from workers.ledger.bulk.sweeps import Progress, Sweep
from workers.ledger.deleting.deletions import Change, Conditions, Fenced
from workers.ledger.deleting.leases import Kind
from workers.ledger.events.catch_ups import CatchUp, Slice
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.ledger.store import Store
from workers.processes.lease import holder_of, own_holder, under_lease
from workers.processes.queue import QUEUE_KEY
from workers.times.clock import system_clock, to_ms

LEASE = timedelta(seconds=15)
MINE = holder_of("worker-1", 4711)
NAMES: dict[Kind, str] = {
    "deletion": "del_1",
    "sweep": "swp_1",
    "replay": "rpl_1",
    "catch_up": "cup_cw",
}
DUE = {kind: "due" if kind == "deletion" else f"{kind}s:due" for kind in NAMES}
KINDS = pytest.mark.parametrize("kind", NAMES)

Make = Callable[..., Ledger]
Taken = Deletion | Sweep | BulkReplay | CatchUp


@pytest.fixture
async def make(redis: Redis) -> Make:
    """A ledger as a worker opens it."""
    memory = await memory_of(redis)

    def made(*, holder: str = MINE, own_clock: bool = True, beat: float = 3) -> Ledger:
        return Ledger(
            Store(
                redis,
                queue_key=QUEUE_KEY,
                lease=LEASE,
                requeue_after=timedelta(seconds=30),
                retention=timedelta(days=1),
                memory=memory,
                own_clock=own_clock,
                beat=timedelta(seconds=beat),
                holder=holder,
            )
        )

    return made


async def begin(ledger: Ledger, kind: Kind, now: datetime) -> None:
    """One of each kind, of this name."""
    match kind:
        case "deletion":
            await requested(ledger, "del_1", now, DeletionRequest(org_id="5", confirm_delete=True))
        case "sweep":
            await ledger.sweeps.begin("swp_1", "nightly", by="alice", preview=False, now=now)
        case "replay":
            order = Order("deletions", "alice", ("del_9",), 1, named=True, rate=60, filter={})
            await ledger.replays.begin("rpl_1", order, now)
        case "catch_up":
            await ledger.catch_ups.begin("cw", None, now)


async def take(ledger: Ledger, kind: Kind, now: datetime) -> Taken | None:
    match kind:
        case "deletion":
            return await ledger.deletions.lease("del_1", now)
        case "sweep":
            return await ledger.sweeps.lease("swp_1", now)
        case "replay":
            return await ledger.replays.lease("rpl_1", now)
        case "catch_up":
            return await ledger.catch_ups.lease("cup_cw", now)


async def taken(ledger: Ledger, kind: Kind, now: datetime) -> Taken:
    await begin(ledger, kind, now)
    held = await take(ledger, kind, now)
    assert held is not None
    return held


async def due_at(ledger: Ledger, kind: Kind) -> float | None:
    """When the scheduler looks, in milliseconds."""
    return await ledger.store.redis.zscore(ledger.store.key(DUE[kind]), NAMES[kind])


# -- beats ---------------------------------------------------------------------------------------


@KINDS
async def test_a_beat_keeps_it_until_it_stops(make: Make, clock: TestClock, kind: Kind) -> None:
    ledger = make()
    held = await taken(ledger, kind, clock())
    for _ in range(10):
        clock.forward(seconds=14)
        assert await ledger.leases.renew(kind, held.id, held.fence, clock())
        assert await take(ledger, kind, clock()) is None
        assert await due_at(ledger, kind) == to_ms(clock() + LEASE)
    after = await take(ledger, kind, clock.forward(seconds=15))
    assert after is not None
    assert after.deaths == 1


@KINDS
async def test_an_ended_lease_is_not_renewed(make: Make, clock: TestClock, kind: Kind) -> None:
    ledger = make()
    held = await taken(ledger, kind, clock())
    over = clock.forward(seconds=15)
    assert not await ledger.leases.renew(kind, held.id, held.fence, over)
    newer = await take(ledger, kind, clock())
    assert newer is not None
    # Taken over meanwhile, it is the fence that forbids.
    assert not await ledger.leases.renew(kind, held.id, held.fence, clock())
    assert await ledger.leases.renew(kind, newer.id, newer.fence, clock())


@KINDS
async def test_what_waits_is_not_renewed(make: Make, clock: TestClock, kind: Kind) -> None:
    ledger = make()
    assert not await ledger.leases.renew(kind, NAMES[kind], 1, clock())
    held = await taken(ledger, kind, clock())
    later = clock() + timedelta(minutes=5)
    match held:
        case Deletion():
            await ledger.deletions.record(held, Change("retrying", ready_at=later), clock())
        case Sweep():
            await ledger.sweeps.record(held, Progress(until=later), clock())
        case BulkReplay():
            await ledger.replays.record(held, "del_9", "unknown", until=later, now=clock())
        case CatchUp():
            await ledger.catch_ups.record(held, Slice(until=later), clock())
    before = await due_at(ledger, kind)
    assert not await ledger.leases.renew(kind, held.id, held.fence, clock())
    assert await due_at(ledger, kind) == before


async def test_a_beat_that_was_held_up_takes_nothing_back(make: Make, clock: TestClock) -> None:
    ledger = make()
    held = await taken(ledger, "deletion", clock())
    sent = clock()
    assert isinstance(held, Deletion)
    await ledger.deletions.record(held, Change("running"), clock.forward(seconds=10))
    assert await ledger.leases.renew("deletion", held.id, held.fence, sent)
    assert await due_at(ledger, "deletion") == to_ms(clock() + LEASE)


# -- given back ----------------------------------------------------------------------------------


@KINDS
async def test_what_a_dead_process_held_is_due(make: Make, clock: TestClock, kind: Kind) -> None:
    ledger = make()
    await taken(ledger, kind, clock())
    clock.forward(seconds=1)
    assert await ledger.leases.give_back(kind, NAMES[kind], MINE, clock())
    assert await due_at(ledger, kind) == to_ms(clock())
    # Said again, for its answer was lost.
    assert not await ledger.leases.give_back(kind, NAMES[kind], MINE, clock())
    after = await take(ledger, kind, clock())
    assert after is not None
    assert after.deaths == 1
    if isinstance(after, Deletion):
        journal = (await ledger.views.of("del_1")).journal
        assert [line["entry"] for line in journal].count("lease_expired") == 1


@KINDS
@pytest.mark.parametrize("other", [holder_of("worker-1", 4712), holder_of("worker-2", 4711), ""])
async def test_its_parent_gives_back(make: Make, clock: TestClock, kind: Kind, other: str) -> None:
    ledger = make()
    await taken(ledger, kind, clock())
    assert not await ledger.leases.give_back(kind, NAMES[kind], other, clock())
    assert await take(ledger, kind, clock()) is None


@KINDS
async def test_the_nameless_are_not_given_back(make: Make, clock: TestClock, kind: Kind) -> None:
    ledger = make(holder="")
    await taken(ledger, kind, clock())
    assert not await ledger.leases.give_back(kind, NAMES[kind], "", clock())


@KINDS
async def test_taken_over_is_not_given_back(make: Make, clock: TestClock, kind: Kind) -> None:
    await taken(make(), kind, clock())
    newer = make(holder=holder_of("worker-2", 1))
    assert await take(newer, kind, clock.forward(seconds=15)) is not None
    assert not await newer.leases.give_back(kind, NAMES[kind], MINE, clock())
    assert await take(newer, kind, clock()) is None


@KINDS
async def test_a_second_death_waits_for_the_end(make: Make, clock: TestClock, kind: Kind) -> None:
    """Else three could come within a second, and a machine short of memory parks what it has."""
    ledger = make()
    await taken(ledger, kind, clock())
    assert await ledger.leases.give_back(kind, NAMES[kind], MINE, clock())
    assert await take(ledger, kind, clock()) is not None
    assert not await ledger.leases.give_back(kind, NAMES[kind], MINE, clock())
    third = await take(ledger, kind, clock.forward(seconds=15))
    assert third is not None
    assert third.deaths == 2


async def test_what_the_dead_one_sent_comes_too_late(make: Make, clock: TestClock) -> None:
    ledger = make()
    held = await taken(ledger, "deletion", clock())
    assert isinstance(held, Deletion)
    assert await ledger.leases.give_back("deletion", "del_1", MINE, clock())
    assert not await ledger.leases.renew("deletion", "del_1", held.fence, clock())
    answer = await begun(ledger, held, clock(), digest="")
    assert answer.decision == "fenced"


async def test_a_deletion_that_waits_is_not_given_back(make: Make, clock: TestClock) -> None:
    ledger = make()
    held = await taken(ledger, "deletion", clock())
    assert isinstance(held, Deletion)
    later = clock() + timedelta(minutes=5)
    await ledger.deletions.record(held, Change("retrying", ready_at=later), clock())
    assert not await ledger.leases.give_back("deletion", "del_1", MINE, clock())
    assert await due_at(ledger, "deletion") == to_ms(later)


async def test_a_status_that_may_be_on_its_way_has_its_time(make: Make, clock: TestClock) -> None:
    """It is set again without `resend_after`, and must not come after the end."""
    ledger = make()
    held = await taken(ledger, "deletion", clock())
    assert isinstance(held, Deletion)
    held = await ledger.deletions.record(
        held, Change("running", fields={"plan_digest": "d"}), clock()
    )
    answering = Conditions(answered=timedelta(seconds=30))
    answer = await begun(ledger, held, clock(), kind="soft_delete", conditions=answering)
    assert answer.decision == "begun"
    assert not await ledger.leases.give_back("deletion", "del_1", MINE, clock())
    assert await ledger.leases.renew("deletion", "del_1", held.fence, clock())
    assert await take(ledger, "deletion", clock.forward(seconds=44)) is None
    assert await take(ledger, "deletion", clock.forward(seconds=1)) is not None


def test_a_jobs_process_is_named_as_its_worker_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RQ_WORKER_ID", raising=False)
    assert own_holder() == ""
    monkeypatch.setenv("RQ_WORKER_ID", "w")
    monkeypatch.setattr("os.getpid", lambda: 12)
    assert own_holder() == holder_of("w", 12)


# -- clocks --------------------------------------------------------------------------------------


@KINDS
async def test_a_lease_lasts_by_the_clock_of_the_server(make: Make, kind: Kind) -> None:
    """Whatever the clocks of its takers say: a question may also be late on its way."""
    ledger = make(own_clock=False)
    old = datetime.now(UTC) - timedelta(hours=1)
    held = await taken(ledger, kind, old)
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert await take(ledger, kind, soon) is None
    assert await ledger.leases.renew(kind, held.id, held.fence, soon)
    assert await ledger.leases.renew(kind, held.id, held.fence, old)
    due = await due_at(ledger, kind)
    assert due is not None
    assert abs(due - to_ms(datetime.now(UTC) + LEASE)) < 5000


@KINDS
async def test_a_clock_that_is_ahead_brings_no_wait_forward(make: Make, kind: Kind) -> None:
    ledger = make(own_clock=False)
    ready = datetime.now(UTC) + timedelta(hours=1)
    await begin(ledger, kind, ready)
    # As if a scheduler whose clock is ahead as well had pushed it forward.
    await ledger.store.redis.zadd(
        ledger.store.key(DUE[kind]), {NAMES[kind]: to_ms(ready + timedelta(seconds=30))}
    )
    assert await take(ledger, kind, ready) is None
    assert await due_at(ledger, kind) == to_ms(ready)


async def test_a_clock_that_is_ahead_does_not_shorten_the_grace(make: Make) -> None:
    ledger = make(own_clock=False)
    now = datetime.now(UTC)
    held = await taken(ledger, "deletion", now)
    assert isinstance(held, Deletion)
    # By less than what is noticed, and refused for that.
    ahead = now + timedelta(seconds=1.9)
    begun_at = ahead - timedelta(hours=1)
    fields: dict[str, Any] = {
        "step": "delete",
        "plan_digest": "d",
        "grace_generation": held.generation,
        "grace_of": "m",
        "grace_from": to_ms(begun_at),
        "grace_until": to_ms(begun_at),
    }
    held = await ledger.deletions.record(held, Change("running", fields=fields), now)
    hour = Conditions(grace=timedelta(hours=1))
    assert (await begun(ledger, held, ahead, conditions=hour)).decision == "too_early"


# -- the work ------------------------------------------------------------------------------------


async def test_the_work_is_kept_while_it_goes_on(make: Make) -> None:
    ledger = make(own_clock=False, beat=0.01)
    held = await taken(ledger, "deletion", datetime.now(UTC))
    first = await due_at(ledger, "deletion")

    async def work() -> str:
        async with asyncio.timeout(10):
            while await due_at(ledger, "deletion") == first:  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.01)
        return "done"

    working = under_lease(work(), "deletion", held, ledger, system_clock)
    assert await working == "done"


async def test_the_work_ends_where_the_lease_is_lost(make: Make, clock: TestClock) -> None:
    ledger = make(beat=0.01)
    held = await taken(ledger, "deletion", clock())
    cleaned = False

    async def work() -> None:
        nonlocal cleaned
        try:
            await asyncio.Event().wait()
        finally:
            cleaned = True

    assert await take(ledger, "deletion", clock.forward(seconds=15)) is not None
    with pytest.raises(Fenced):
        async with asyncio.timeout(10):
            await under_lease(work(), "deletion", held, ledger, clock)
    assert cleaned


async def test_a_beat_that_does_not_get_through_is_tried_again(
    make: Make, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = make(beat=0.01)
    held = await taken(ledger, "deletion", clock())
    renew, missed, done = ledger.leases.renew, 0, asyncio.Event()

    async def renewed(*args: Any) -> bool:
        nonlocal missed
        if missed < 3:
            missed += 1
            raise ConnectionLost
        try:
            return await renew(*args)
        finally:
            done.set()

    monkeypatch.setattr(ledger.leases, "renew", renewed)
    async with asyncio.timeout(10):
        await under_lease(done.wait(), "deletion", held, ledger, clock)
    assert missed == 3


async def test_without_redis_the_work_ends_with_its_lease(
    make: Make, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = make(beat=0.01)
    held = await taken(ledger, "deletion", clock())

    async def lost(*_args: Any) -> bool:
        clock.forward(seconds=4)
        raise ConnectionLost

    monkeypatch.setattr(ledger.leases, "renew", lost)
    began = clock()
    with pytest.raises(Fenced, match="Redis"):
        async with asyncio.timeout(10):
            await under_lease(asyncio.Event().wait(), "deletion", held, ledger, clock)
    assert clock() - began == timedelta(seconds=16)


@pytest.mark.parametrize("swallows", ["the beat", "the work"])
async def test_who_swallows_a_cancellation_is_cancelled_again(
    make: Make, clock: TestClock, monkeypatch: pytest.MonkeyPatch, swallows: str
) -> None:
    """As redis-py does if it is cancelled while a command is written (`asyncio.wait_for`)."""
    ledger = make(beat=0.01)
    held = await taken(ledger, "deletion", clock())
    beats = asyncio.Event()

    async def swallowing() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def renewed(*_args: Any) -> bool:
        first = not beats.is_set()
        beats.set()
        if swallows == "the beat" and first:
            await swallowing()
        return swallows == "the beat"

    async def work() -> str:
        await beats.wait()
        if swallows == "the work":
            await swallowing()
            await asyncio.Event().wait()
        return "done"

    monkeypatch.setattr(ledger.leases, "renew", renewed)
    async with asyncio.timeout(10):
        working = under_lease(work(), "deletion", held, ledger, clock)
        if swallows == "the beat":
            assert await working == "done"
        else:
            with pytest.raises(Fenced):
                await working


async def test_what_the_work_raises_is_what_is_raised(make: Make, clock: TestClock) -> None:
    ledger = make()
    held = await taken(ledger, "deletion", clock())

    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await under_lease(work(), "deletion", held, ledger, clock)


async def test_the_work_ends_with_who_waits_for_it(make: Make, clock: TestClock) -> None:
    ledger = make()
    held = await taken(ledger, "deletion", clock())
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(under_lease(work(), "deletion", held, ledger, clock))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
