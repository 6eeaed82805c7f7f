"""Bulk replays: which records, how fast, each once, whoever dies on the way."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.errors import Conflict, NotFound
from tests.integration.test_replay_deliveries import Installation, event
from tests.support.clock import TestClock
from tests.support.deletions import cancelled, ended
from tests.support.service import SECRET
from workers.bulk.replay.selection import Filter, Found, select
from workers.bulk.replay.walk import Means, advance_replay
from workers.ledger.bulk.replays import BulkReplay, Order, What
from workers.ledger.bulk.sweeps import End, Progress
from workers.ledger.deleting.deletions import Fenced
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.pipeline.states import (
    BLOCKED,
    CANCELLED,
    DELETED,
    FAILED,
    PREVIEWED,
    QUEUED,
    SOFT_DELETED,
)
from workers.settings import Settings
from workers.times.clock import rfc3339

URL = "https://rewst.example.com/new"
STATES = (FAILED, BLOCKED, CANCELLED, PREVIEWED, DELETED, SOFT_DELETED)


class Bulk:
    """What a worker and an operator do with bulk replays."""

    def __init__(self, ledger: Ledger, clock: TestClock) -> None:
        self.ledger, self.clock = ledger, clock
        self.queued: list[str] = []
        self.installation = Installation(ledger, clock)
        intake = self.installation.intake
        settings = Settings(
            itglue={"api_key": "ITG.test"}, callback={"url": URL, "secrets": [SECRET]}
        )
        self.means = Means(ledger, intake, self.enqueue, clock, settings)

    async def enqueue(self, deletion_id: str, number: int) -> None:
        del number
        self.queued.append(deletion_id)

    async def ended(self, name: str, state: str = FAILED, url: str = "") -> str:
        """A deletion that ended so."""
        error = ErrorEntry("DeletionBlocked", "no", rfc3339(self.clock()))
        now = self.clock()
        await ended(self.ledger, name, now, state=state, errors=[error], url=url)
        self.clock.forward(seconds=1)
        return name

    async def begin(
        self, what: What, *ids: str, rate: int = 6000, named: bool = True, **chosen: Any
    ) -> BulkReplay:
        order = Order(what, "alice", ids, len(ids), named, rate, chosen)
        return await self.ledger.replays.begin("rpl_1", order, self.clock())

    async def advance(self, name: str = "rpl_1") -> BulkReplay | None:
        return await advance_replay(name, self.means)

    async def run(self, name: str = "rpl_1") -> dict[str, Any]:
        """Slices until the end; what it came to."""
        for _ in range(1000):
            await self.advance(name)
            seen = await self.ledger.replays.get(name)
            if seen.finished_at is not None:
                outcomes = await self.ledger.replays.outcomes(name)
                assert await self.ledger.replays.take_due(self.clock.forward(days=1)) == []
                return {**outcomes.counts, "state": seen.state, "refused": dict(outcomes.refused)}
            self.clock.now = max(seen.ready_at, self.clock.forward(seconds=0.001))
        raise AssertionError

    async def state(self, name: str) -> tuple[str, int]:
        deletion = await self.ledger.deletions.get(name)
        return deletion.state, deletion.generation


@pytest.fixture
def bulk(ledger: Ledger, clock: TestClock) -> Bulk:
    return Bulk(ledger, clock)


async def test_a_filter_never_finds_what_succeeded(bulk: Bulk, ledger: Ledger) -> None:
    for state in STATES:
        await bulk.ended(f"del_{state}", state)
    found = await select(ledger, Filter("deletions", source="api"), 10)
    assert (found.ids, found.matched) == (("del_blocked", "del_failed"), 2)
    found = await select(ledger, Filter("deletions", state="cancelled"), 10)
    assert found.ids == ("del_cancelled",)
    assert (await select(ledger, Filter("deletions", source="cw"), 10)).matched == 0
    # Without a source the index of states alone tells, and nothing is read for each.
    assert await select(ledger, Filter("deletions"), 1) == Found(("del_blocked",), 2)


async def test_a_filter_is_by_time_newest_first_and_limited(bulk: Bulk, ledger: Ledger) -> None:
    began = bulk.clock()
    for number in range(250):
        await bulk.ended(f"del_{number:03}")
    found = await select(ledger, Filter("deletions", state="failed"), 2)
    assert (found.ids, found.matched) == (("del_249", "del_248"), 250)
    since, until = began + timedelta(seconds=10), began + timedelta(seconds=12)
    found = await select(ledger, Filter("deletions", since=since, until=until), 9)
    assert found.ids == ("del_011", "del_010")


async def test_what_comes_while_it_looks_moves_nothing(
    bulk: Bulk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.bulk.replay.selection._CHUNK", 2)
    names = [await bulk.ended(f"del_{number}") for number in range(4)]
    read = ledger.store.redis.zrevrangebyscore

    async def another_ends(*args: Any, **options: Any) -> Any:
        found = await read(*args, **options)
        if found[:1] == [b"del_3"]:
            await bulk.ended("del_new")
        return found

    monkeypatch.setattr(ledger.store.redis, "zrevrangebyscore", another_ends)
    found = await select(ledger, Filter("deletions", source="api"), 10)
    assert (found.ids, found.matched) == (tuple(reversed(names)), 4)


async def test_each_is_replayed_or_refused_for_a_reason(bulk: Bulk) -> None:
    ids = [await bulk.ended(f"del_{state}", state) for state in STATES]
    await bulk.begin("deletions", *ids, "del_unknown")
    assert await bulk.run() == {
        "state": "finished",
        "replayed": 4,
        "succeeded": 2,
        "unknown": 1,
        "refused": {
            "del_deleted": "succeeded",
            "del_soft_deleted": "succeeded",
            "del_unknown": "unknown",
        },
    }
    assert bulk.queued == ids[:4]
    assert [await bulk.state(each) for each in ids[:4]] == [(QUEUED, 2)] * 4


async def test_a_filter_does_not_overrule_a_person(bulk: Bulk, ledger: Ledger) -> None:
    """The client's deletion was cancelled by a person; an older one of it failed before."""
    bulk.installation.configure()
    asked = [(await bulk.installation.send({**event(), "n": n})).strongest for n in (1, 2)]
    first = asked[0].deletion_id or ""
    await cancelled(ledger, first, bulk.clock(), "carol")
    await bulk.begin("deletions", first, named=False, source="halo")
    assert (await bulk.run())["refused"] == {first: "cancelled_by_operator"}
    order = Order("deletions", "alice", (first,), 1, named=True, rate=60, filter={})
    await ledger.replays.begin("rpl_2", order, bulk.clock())
    assert (await bulk.run("rpl_2"))["replayed"] == 1


@pytest.mark.parametrize("said", ["before", "after"])
async def test_a_no_after_it_was_ordered_is_not_overruled(
    bulk: Bulk, ledger: Ledger, said: str
) -> None:
    """It takes its time; meanwhile others replay the same deletion, and a person says no to it."""
    bulk.installation.configure()
    name = (await bulk.installation.send(event())).strongest.deletion_id or ""
    if said == "before":
        await cancelled(ledger, name, bulk.clock(), "carol")
        await bulk.begin("deletions", name)
    else:
        await bulk.begin("deletions", name)
        await cancelled(ledger, name, bulk.clock(), "carol")
    found = await bulk.run()
    assert found["refused"] == ({} if said == "before" else {name: "cancelled_by_operator"})


async def test_no_faster_than_was_asked(bulk: Bulk, ledger: Ledger) -> None:
    ids = [await bulk.ended(f"del_{number}") for number in range(5)]
    await bulk.begin("deletions", *ids, rate=30)
    began, times = bulk.clock(), []
    while (seen := await ledger.replays.get("rpl_1")).finished_at is None:
        assert await bulk.advance() is not None
        times.append((bulk.clock() - began).total_seconds())
        assert (await bulk.advance() is None) or len(times) == 5
        bulk.clock.now = max((await ledger.replays.get("rpl_1")).ready_at, bulk.clock())
    assert seen.next == 5
    assert times == [0, 2, 4, 6, 8]


async def test_who_takes_over_finds_the_record_done(bulk: Bulk, ledger: Ledger) -> None:
    """Killed between a record's replay and its being written down."""
    ids = [await bulk.ended(f"del_{number}") for number in range(3)]
    await bulk.begin("deletions", *ids)
    held = await ledger.replays.lease("rpl_1", bulk.clock())
    assert held is not None
    token = f"rpl_1:{ids[0]}"
    replay = ledger.deletions.replay
    assert await replay(
        ids[0], operator="alice", token=token, callback_url="", overrule=True, now=bulk.clock()
    )
    assert await bulk.advance() is None  # it is held
    bulk.clock.forward(seconds=61)
    assert (await bulk.run())["replayed"] == 3
    assert [await bulk.state(each) for each in ids] == [(QUEUED, 2)] * 3
    # The first one comes back, and what it says counts no more.
    with pytest.raises(Fenced):
        await ledger.replays.record(held, ids[0], "replayed", until=None, now=bulk.clock())
    assert (await ledger.replays.outcomes("rpl_1")).counts == {"replayed": 3}


async def test_a_repeated_command_counts_once(bulk: Bulk, ledger: Ledger) -> None:
    ids = [await bulk.ended(f"del_{number}") for number in range(2)]
    assert await bulk.begin("deletions", *ids) == await bulk.begin("deletions", *ids)
    held = await ledger.replays.lease("rpl_1", bulk.clock())
    assert held is not None
    for _ in range(2):
        await ledger.replays.record(held, ids[0], "replayed", until=None, now=bulk.clock())
    last = replace(held, next=1)
    for _ in range(2):
        ended = await ledger.replays.record(last, ids[1], "x", until=None, now=bulk.clock())
        assert ended.state == "finished"
    assert (await ledger.replays.outcomes("rpl_1")).counts == {"replayed": 1, "x": 1}


async def test_it_is_stopped(bulk: Bulk, ledger: Ledger) -> None:
    ids = [await bulk.ended(f"del_{number}") for number in range(3)]
    await bulk.begin("deletions", *ids, rate=60)
    await bulk.advance()
    for _ in range(2):  # as a repeated command would
        stopped = await ledger.replays.stop("rpl_1", by="bob", now=bulk.clock())
        assert (stopped.state, stopped.next, stopped.stopped_by) == ("cancelled", 1, "bob")
    assert await bulk.advance() is None
    assert [await bulk.state(each) for each in ids] == [(QUEUED, 2), (FAILED, 1), (FAILED, 1)]
    with pytest.raises(Conflict):
        await ledger.replays.stop("rpl_1", by="carol", now=bulk.clock())
    with pytest.raises(NotFound):
        await ledger.replays.stop("rpl_0", by="bob", now=bulk.clock())


async def test_it_is_stopped_while_somebody_works(bulk: Bulk, ledger: Ledger) -> None:
    ids = [await bulk.ended(f"del_{number}") for number in range(3)]
    await bulk.begin("deletions", *ids)
    held = await ledger.replays.lease("rpl_1", bulk.clock())
    assert held is not None
    assert (await ledger.replays.stop("rpl_1", by="bob", now=bulk.clock())).state == "running"
    ended = await ledger.replays.record(held, ids[0], "replayed", until=None, now=bulk.clock())
    assert (ended.state, ended.next) == ("cancelled", 1)


async def test_it_is_stopped_while_its_holder_is_dead(bulk: Bulk, ledger: Ledger) -> None:
    await bulk.begin("deletions", await bulk.ended("del_1"))
    assert await ledger.replays.lease("rpl_1", bulk.clock()) is not None
    await ledger.replays.stop("rpl_1", by="bob", now=bulk.clock())
    bulk.clock.forward(seconds=61)
    ended = await bulk.advance()
    assert ended is not None
    assert (ended.state, await bulk.state("del_1")) == ("cancelled", (FAILED, 1))


async def test_a_record_that_kills_workers_is_passed_over(bulk: Bulk, ledger: Ledger) -> None:
    ids = [await bulk.ended(f"del_{number}") for number in range(3)]
    await bulk.begin("deletions", *ids)
    for _ in range(3):
        assert await ledger.replays.lease("rpl_1", bulk.clock()) is not None
        bulk.clock.forward(seconds=61)
    result = await bulk.run()
    assert result["refused"] == {ids[0]: "killed_its_worker"}
    assert (result["replayed"], await bulk.state(ids[0])) == (2, (FAILED, 1))


async def test_nothing_to_replay_has_ended(bulk: Bulk) -> None:
    begun = await bulk.begin("deletions")
    assert (begun.state, begun.finished_at) == ("finished", bulk.clock())
    assert await bulk.advance() is None


async def test_deliveries_are_read_newest_first(bulk: Bulk, ledger: Ledger) -> None:
    """Inactive, then active, both rejected: nothing is ever asked for the active client."""
    it = bulk.installation
    it.configure(inactive="/is_inactive", client_name="/client")
    await it.send(event())
    bulk.clock.forward(minutes=1)
    await it.send(event(inactive=False))
    await it.send({"ticket": {"id": 5}})
    it.configure()
    bulk.means = replace(bulk.means, reader=it.intake)
    found = await select(ledger, Filter("deliveries", source="halo"), 10)
    assert found.matched == 2
    await bulk.begin("deliveries", *found.ids)
    assert (await bulk.run())["replayed"] == 2
    assert await it.deletions() == []
    found = await select(ledger, Filter("deliveries", state="ignored"), 10)
    assert found.matched == 3


async def test_results_are_sent_again_under_another_id(bulk: Bulk, ledger: Ledger) -> None:
    for number in range(3):
        await bulk.ended(f"del_{number}", url="https://rewst.example.com/old")
    for name, state in (("cb_0_1", "dead"), ("cb_1_1", "delivered")):
        held = await ledger.callbacks.lease(name, bulk.clock())
        assert held is not None
        await ledger.callbacks.record(
            held, state=state, ready_at=bulk.clock(), status=500, answer="", line={"entry": "x"},
            now=bulk.clock(),
        )  # fmt: skip
    found = await select(ledger, Filter("callbacks", source="api"), 10)
    assert found.ids == ("cb_0_1",)
    await bulk.begin("callbacks", "cb_0_1", "del_1", "cb_2_1", "cb_9_9")
    result = await bulk.run()
    assert result["refused"] == {"cb_2_1": "pending", "cb_9_9": "unknown"}
    entries = (await ledger.views.of("del_0")).callbacks
    assert [(each.id, each.state, each.replayed_by) for each in entries] == [
        ("cb_0_1", "dead", ""),
        ("cb_0_1_r1", "pending", "alice"),
    ]
    anew = await ledger.callbacks.lease("cb_0_1_r1", bulk.clock())
    assert anew is not None
    assert (anew.target, anew.attempts, anew.generation) == (URL, 0, 1)
    assert [each.id for each in (await ledger.views.of("del_1")).callbacks] == [
        "cb_1_1",
        "cb_1_1_r1",
    ]
    entries_ = [each["entry"] for each in (await ledger.views.of("del_1")).journal]
    assert entries_[-1] == "callback_replayed"


async def test_a_summary_is_sent_again_to_its_own_address(bulk: Bulk, ledger: Ledger) -> None:
    now, own = bulk.clock(), "https://rewst.example.com/swept"
    await ledger.sweeps.begin("swp_1", "monthly", by="alice", preview=False, now=now)
    held = await ledger.sweeps.lease("swp_1", now)
    assert held is not None
    end = End({"sweep_id": "swp_1"}, target=own, body="{}")
    await ledger.sweeps.record(held, Progress({"state": "finished"}, end=end), now)
    first = await ledger.callbacks.lease("cb_1_1", now)
    assert first is not None
    await ledger.callbacks.record(
        first, state="dead", ready_at=now, status=500, answer="", line={"entry": "x"}, now=now
    )
    await bulk.begin("callbacks", "swp_1")
    assert (await bulk.run())["replayed"] == 1
    anew = await ledger.callbacks.lease("cb_1_1_r1", bulk.clock())
    assert anew is not None
    assert (anew.target, anew.body, anew.kind) == (own, "{}", "sweep")
