"""Leases, fences and the one road to DELETE."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.errors import Conflict
from adapters.models import DeletionRequest
from tests.support.clock import TestClock
from tests.support.deletions import requested
from workers.ledger.deleting.deletions import Begun, Change, Fenced
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.limits import Limit
from workers.times.clock import rfc3339

RESEND_AFTER = timedelta(minutes=10)


async def ask(
    ledger: Ledger, clock: TestClock, name: str = "del_1", key: str | None = None, **fields: Any
) -> tuple[str, int | None]:
    return await requested(
        ledger,
        name,
        clock(),
        DeletionRequest(**{"org_id": "5", "confirm_delete": True, **fields}),
        key=key,
    )


async def take(ledger: Ledger, clock: TestClock, name: str = "del_1") -> Deletion:
    held = await ledger.deletions.lease(name, clock())
    assert held is not None
    planned = Change(state="running", fields={"step": "delete", "plan_digest": "d"})
    return await ledger.deletions.record(held, planned, clock())


async def begin(
    ledger: Ledger, clock: TestClock, held: Deletion, *, org: str = "5", digest: str = "d",
    limit: int = 10,
) -> Begun:  # fmt: skip
    daily = Limit("policy.max_deletions_per_day", limit, timedelta(days=1))
    return await ledger.deletions.begin_delete(
        held, org_id=org, digest=digest, resend_after=RESEND_AFTER, limits=(daily,), now=clock()
    )


async def test_a_lease_is_one_takers_until_it_ends(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock)
    first = await ledger.deletions.lease("del_1", clock())
    assert first is not None
    assert await ledger.deletions.lease("del_1", clock.forward(seconds=59)) is None
    second = await ledger.deletions.lease("del_1", clock.forward(seconds=2))
    assert second is not None
    assert second.fence > first.fence
    assert second.deaths == 1
    with pytest.raises(Fenced):
        await ledger.deletions.record(first, Change(state="deleted"), clock())


async def test_a_worker_that_was_away_cannot_begin(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock)
    held = await take(ledger, clock)
    clock.forward(seconds=61)
    assert (await begin(ledger, clock, held)).decision == "fenced"


async def test_begin_writes_a_numbered_intent(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock)
    held = await take(ledger, clock)
    assert await begin(ledger, clock, held) == Begun("begun", 1)
    intent = (await ledger.deletions.get("del_1")).intent
    assert (intent.number, intent.state, intent.org_id, intent.at) == (1, "open", "5", clock())


async def test_no_second_intent_before_the_firsts_time(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock)
    await begin(ledger, clock, await take(ledger, clock))
    clock.forward(seconds=599)
    held = await take(ledger, clock)
    assert (await begin(ledger, clock, held)).decision == "in_flight"
    clock.forward(seconds=1)
    assert await begin(ledger, clock, held) == Begun("begun", 2)


async def test_an_accepted_intent_is_never_repeated(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock)
    held = await take(ledger, clock)
    await begin(ledger, clock, held)
    accepted = Change(state="running", fields={"intent_state": "accepted"})
    held = await ledger.deletions.record(held, accepted, clock())
    clock.forward(seconds=30)
    assert (await begin(ledger, clock, held)).decision == "accepted_before"


async def test_a_plan_that_moved_is_not_acted_on(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock)
    held = await take(ledger, clock)
    assert (await begin(ledger, clock, held, digest="other")).decision == "plan_moved"


async def test_an_organization_is_claimed_by_one_deletion(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock, "del_1")
    await ask(ledger, clock, "del_2")
    first, second = await take(ledger, clock, "del_1"), await take(ledger, clock, "del_2")
    await begin(ledger, clock, first)
    assert await begin(ledger, clock, second) == Begun("claimed", holder="del_1")


@pytest.mark.parametrize(
    ("intent_state", "decision"),
    [("refused", "begun"), ("accepted", "claimed"), ("open", "claimed")],
)
async def test_the_claim_outlives_a_deletion_whose_call_may_have_worked(
    ledger: Ledger, clock: TestClock, intent_state: str, decision: str
) -> None:
    await ask(ledger, clock, "del_1")
    await ask(ledger, clock, "del_2")
    first = await take(ledger, clock, "del_1")
    await begin(ledger, clock, first)
    ended = Change(state="failed", fields={"intent_state": intent_state})
    await ledger.deletions.record(first, ended, clock())
    second = await take(ledger, clock, "del_2")
    assert (await begin(ledger, clock, second)).decision == decision


async def test_cancel_races_begin_and_exactly_one_wins(ledger: Ledger, clock: TestClock) -> None:
    error = ErrorEntry("Cancelled", "by alice", rfc3339(clock()))
    won = {"cancelled": 0, "sent": 0}

    async def cancel(name: str, turns: int) -> None:
        # Ever later, so that on any machine each of both is the first one sometimes.
        for _ in range(turns):
            await asyncio.sleep(0)
        await ledger.deletions.cancel(name, operator="alice", error=error, now=clock())

    for number in range(200):
        name = f"del_{number}"
        await ask(ledger, clock, name)
        held = await take(ledger, clock, name)
        org = str(number + 1)
        begun = begin(ledger, clock, held, org=org, limit=1000)
        answers = await asyncio.gather(cancel(name, number), begun, return_exceptions=True)
        refused = any(isinstance(entry, Conflict) for entry in answers)
        begun_answer = next(entry for entry in answers if isinstance(entry, Begun))
        assert refused == (begun_answer.decision == "begun")
        state = (await ledger.deletions.get(name)).state
        assert state == ("running" if refused else "cancelled")
        won["sent" if refused else "cancelled"] += 1
    assert won["sent"] > 0
    assert won["cancelled"] > 0


async def test_a_due_one_is_handed_out_once(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    _, first = await ask(ledger, clock, "del_1")
    _, second = await ask(ledger, clock, "del_2")
    await redis.rpush(ledger.store.queue_key, f"del_1-{first}", f"del_2-{second}")
    assert (await ledger.deletions.hand_out(clock.forward(seconds=31))).jobs == []

    await redis.lpop(ledger.store.queue_key)  # taken by a worker that died
    taken = (await ledger.deletions.hand_out(clock.forward(seconds=31))).jobs
    assert [name for name, _ in taken] == ["del_1"]


async def test_what_waits_is_not_taken_before_it_is_due(ledger: Ledger, clock: TestClock) -> None:
    await ask(ledger, clock)
    held = await take(ledger, clock)
    until = clock() + timedelta(seconds=20)
    await ledger.deletions.record(held, Change(state="retrying", ready_at=until), clock())
    assert await ledger.deletions.lease("del_1", clock()) is None
    assert await ledger.deletions.lease("del_1", clock.forward(seconds=20)) is not None
