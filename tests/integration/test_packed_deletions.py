"""A deletion that ended takes less room and is read, replayed and pruned as before."""

from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.errors import NotFound
from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.deletions import requested
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from workers.bulk.replay.selection import Filter, select
from workers.ledger.deleting.deletions import Change
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.events.deliveries import Replay
from workers.ledger.ledger import Ledger
from workers.pipeline.states import DELETED
from workers.upkeep.packing import REST, Packing
from workers.upkeep.retention import Retention


def rehearsal(ledger: Ledger, clock: TestClock) -> Rehearsal:
    return Rehearsal(ledger, clock, SandboxSettings(removal_seconds=0), {"approval": "never"})


async def pack(ledger: Ledger, clock: TestClock) -> None:
    clock.now += REST
    await Packing(ledger).pack(clock())


async def size(redis: Redis, ledger: Ledger, deletion_id: str) -> int:
    names = [ledger.store.key(kind, deletion_id) for kind in ("deletion", "journal")]
    return sum([await redis.memory_usage(name, samples=0) or 0 for name in names])


async def test_it_reads_as_before_in_less(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    async with rehearsal(ledger, clock) as here:
        deletion_id = (await here.event()).deletion_id
        assert deletion_id is not None
        assert (await here.run(deletion_id))["deleted"]
        before, large = await ledger.views.of(deletion_id), await size(redis, ledger, deletion_id)
        delivery = await ledger.deliveries.get(before.deletion.delivery_id)
        name = ledger.store.key("delivery", delivery.id)
        whole = await redis.memory_usage(name, samples=0) or 0
        await pack(ledger, clock)
        assert await redis.object("encoding", name) == b"listpack"
        assert 2 * (await redis.memory_usage(name, samples=0) or 0) < whole
        assert await ledger.views.of(deletion_id) == before
        assert await ledger.deletions.get(deletion_id) == before.deletion
        assert await ledger.deliveries.get(delivery.id) == delivery
        assert 3 * await size(redis, ledger, deletion_id) < large
        # A day later somebody looks back, and that is packed too.
        line = {"entry": "looked_back", "found": []}
        clock.now += timedelta(days=1)
        await ledger.deletions.looked_back(deletion_id, line, clock())
        await pack(ledger, clock)
        journal = (await ledger.views.of(deletion_id)).journal
        assert [entry["entry"] for entry in journal] == [
            *(entry["entry"] for entry in before.journal), "looked_back",
        ]  # fmt: skip
        assert await redis.exists(ledger.store.key("journal", deletion_id)) == 0


async def unpacked(redis: Redis, ledger: Ledger, deletion_id: str) -> bool:
    fields: Any = await redis.hkeys(ledger.store.key("deletion", deletion_id))
    return not [each for each in fields if b"packed" in each or each.isdigit()]


async def failed(here: Rehearsal) -> str:
    here.reconfigure(eligible_statuses=("Nobody",))
    deletion_id = (await here.event()).deletion_id
    assert deletion_id is not None
    assert not (await here.run(deletion_id))["deleted"]
    return deletion_id


async def named_as_before(redis: Redis, name: str) -> None:
    """In the form that the ledger had first."""
    fields: Any = await redis.hgetall(name)
    older: Any = {b"packed" + field: part for field, part in fields.items() if field.isdigit()}
    assert older
    await redis.hset(name, mapping=older)
    await redis.hdel(name, *(field for field in fields if field.isdigit()))


async def test_it_begins_anew_as_what_it_was(
    redis: Redis, ledger: Ledger, clock: TestClock
) -> None:
    async with rehearsal(ledger, clock) as here:
        deletion_id = await failed(here)
        before = await ledger.views.of(deletion_id)
        await pack(ledger, clock)
        await named_as_before(redis, ledger.store.key("deletion", deletion_id))
        asked: dict[str, Any] = {"operator": "bob", "callback_url": "", "overrule": False}
        await ledger.deletions.replay(deletion_id, token="t", now=clock(), **asked)
        view = await ledger.views.of(deletion_id)
        assert view.earlier == (before.deletion,)
        assert await unpacked(redis, ledger, deletion_id)
        assert view.journal[: len(before.journal)] == before.journal
        here.reconfigure()
        assert (await here.run(deletion_id))["deleted"]


async def test_who_came_back_is_seen_though_it_is_packed(
    redis: Redis, ledger: Ledger, clock: TestClock
) -> None:
    async with rehearsal(ledger, clock) as here:
        deletion_id = await failed(here)
        await pack(ledger, clock)
        clock.forward(seconds=5)
        await here.event(active=True)
        asked: dict[str, Any] = {"operator": "bob", "callback_url": "", "overrule": True}
        with pytest.raises(ReplayRefused, match="active"):
            await ledger.deletions.replay(deletion_id, token="t", now=clock(), **asked)
        assert await unpacked(redis, ledger, deletion_id)


async def test_what_goes_on_is_not_packed(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    async with rehearsal(ledger, clock) as here:
        deletion_id = await here.ask(org_id=TEST_COMPANY)
        raw = await redis.hgetall(ledger.store.key("deletion", deletion_id))
        await redis.zadd(ledger.store.key("unpacked"), {deletion_id: 0})
        await pack(ledger, clock)
        assert await redis.hgetall(ledger.store.key("deletion", deletion_id)) == raw
        assert await redis.zcard(ledger.store.key("unpacked")) == 0


async def test_a_packed_delivery_is_answered_and_chosen_as_before(
    redis: Redis, ledger: Ledger, clock: TestClock
) -> None:
    async with rehearsal(ledger, clock) as here:
        deletion_id = await failed(here)
        found = await ledger.deletions.get(deletion_id)
        delivery = await ledger.deliveries.get(found.delivery_id)
        again: dict[str, Any] = {
            "delivery": {"id": delivery.id, "source": delivery.source, "vendor": delivery.vendor,
                         "headers": "[]"},
            "body": delivery.body, "events": [{"kind": "request", "event_id": "another"}],
        }  # fmt: skip
        answers = await ledger.deliveries.receive(**again, now=clock())
        await pack(ledger, clock)
        assert await redis.hexists(ledger.store.key("delivery", delivery.id), "events") == 0
        assert await ledger.deliveries.get(delivery.id) == delivery
        assert await ledger.deliveries.receive(**again, now=clock()) == answers
        with pytest.raises(ReplayRefused, match="handled"):
            await ledger.deliveries.receive(**again, now=clock(), replay=Replay("bob", "t"))
        assert (await select(ledger, Filter("deliveries", state="ignored"), 9)).ids == ()


async def told(ledger: Ledger, clock: TestClock) -> str:
    """A deletion whose result was received: the result's id."""
    await requested(ledger, "del_1", clock(), url="https://rewst.example.com/hook")
    held = await ledger.deletions.lease("del_1", clock())
    assert held is not None
    await ledger.deletions.record(held, Change(DELETED), clock())
    sent = await ledger.callbacks.lease("cb_1_1", clock())
    assert sent is not None
    await ledger.callbacks.record(
        sent, state="delivered", ready_at=clock(), status=202, answer="taken: 5\nso it is",
        line={"entry": "callback"}, now=clock(),
    )  # fmt: skip
    return "cb_1_1"


async def test_a_received_result_is_kept_with_its_deletion(
    redis: Redis, ledger: Ledger, clock: TestClock
) -> None:
    name = await told(ledger, clock)

    async def read() -> list[object]:
        return [
            await ledger.views.of("del_1"),
            await ledger.results.get(name),
            await ledger.results.newest(9, state="delivered"),
            await ledger.callbacks.deletion_of(name),
            await select(ledger, Filter("callbacks", state="delivered", source="api"), 9),
        ]

    before = await read()
    await pack(ledger, clock)
    assert await redis.keys("unglue:callback*") == [b"unglue:callbacks"]
    assert await read() == before
    with pytest.raises(NotFound):
        await ledger.results.get("cb_1_2")
    # It waits for the look back, and so does its result.
    clock.now += timedelta(days=401)
    await Retention(ledger).prune(clock())
    assert await read() == before
    await ledger.deletions.looked_back("del_1", {"entry": "looked_back"}, clock())
    await Retention(ledger).prune(clock())
    assert await redis.keys("unglue:*callback*") == [b"unglue:counts:callbacks"]
    assert not await redis.exists(ledger.store.key("deletion", "del_1"))


async def test_one_that_was_kept_so_is_sent_again(
    redis: Redis, ledger: Ledger, clock: TestClock
) -> None:
    name = await told(ledger, clock)
    before = await ledger.results.get(name)
    await pack(ledger, clock)
    asked: dict[str, Any] = {"operator": "bob", "token": "t", "url": "https://x.example.com/"}
    again = await ledger.callbacks.replay("del_1", **asked, now=clock())
    assert await ledger.callbacks.replay(name, **asked, now=clock()) == again == "cb_1_1_r1"
    results = (await ledger.views.of("del_1")).callbacks
    assert results == (before, await ledger.results.get(again))
    # What is not received yet, or came after another one, stays as it is.
    await redis.zadd(ledger.store.key("unpacked"), {"del_1": 0})
    await pack(ledger, clock)
    assert (await ledger.views.of("del_1")).callbacks == results
    assert len(await redis.keys("unglue:callback:*")) == 2


async def test_packed_ones_leave_in_time(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    async with rehearsal(ledger, clock) as here:
        deletion_id = await failed(here)
        await pack(ledger, clock)
        clock.now += timedelta(days=401)
        await Retention(ledger).prune(clock())
        assert await redis.exists(ledger.store.key("deletion", deletion_id)) == 0
