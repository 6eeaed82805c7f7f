"""What is old leaves the ledger in bounded steps, and what must stay stays."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from adapters.errors import NotFound
from tests.integration.test_replay_deliveries import Installation, event
from tests.support.audit import audited
from tests.support.clock import TestClock
from tests.support.deletions import begun, requested
from workers.ledger.bulk.sweeps import End, Progress
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.pipeline.result import result_body
from workers.pipeline.states import DELETED, FAILED
from workers.processes.duties import duties
from workers.processes.queue import JobQueue
from workers.settings import Settings
from workers.times.clock import rfc3339, to_ms
from workers.upkeep.retention import Retention

OLD = timedelta(days=401)


class Books:
    """A ledger with things in it."""

    def __init__(self, ledger: Ledger, clock: TestClock) -> None:
        self.ledger, self.clock, self.redis = ledger, clock, ledger.store.redis
        self.retention = Retention(ledger)

    async def ask(self, name: str, url: str = "") -> None:
        await requested(self.ledger, name, self.clock(), url=url, key=f"key of {name}")

    async def end(self, name: str, state: str = FAILED, **fields: str) -> None:
        held = await self.ledger.deletions.lease(name, self.clock())
        assert held is not None
        error = ErrorEntry("DeletionBlocked", "no", rfc3339(self.clock()))
        change = Change(state, errors=(error,), fields=fields)
        await self.ledger.deletions.record(held, change, self.clock())

    async def delivered(self, callback_id: str) -> None:
        held = await self.ledger.callbacks.lease(callback_id, self.clock())
        assert held is not None
        await self.ledger.callbacks.record(
            held, state="delivered", ready_at=self.clock(), status=200, answer="",
            line={"entry": "callback"}, now=self.clock(),
        )  # fmt: skip

    async def left(self) -> list[str]:
        names = await self.redis.zrange("unglue:deletions", 0, -1)
        return [name.decode() for name in cast("list[bytes]", names)]

    async def prune(self) -> None:
        await self.retention.prune(self.clock())

    async def audited(self, what: str) -> list[dict[str, Any]]:
        return await audited(self.redis, what)

    async def keys(self, part: str) -> list[str]:
        found = cast("list[bytes]", await self.redis.keys(f"*{part}*"))
        return sorted(name.decode() for name in found)


@pytest.fixture
def books(ledger: Ledger, clock: TestClock) -> Books:
    return Books(ledger, clock)


async def test_a_deletion_leaves_with_everything_of_it(books: Books, ledger: Ledger) -> None:
    await books.ask("del_1", "https://rewst.example.com/hook")
    await books.end("del_1")
    await books.delivered("cb_1_1")
    await ledger.deletions.replay(
        "del_1", operator="bob", token="t", callback_url="https://rewst.example.com/hook",
        overrule=True, now=books.clock(),
    )  # fmt: skip
    await books.end("del_1")
    await books.delivered("cb_1_2")
    url = "https://rewst.example.com/hook"
    await ledger.callbacks.replay("cb_1_1", operator="b", token="t", url=url, now=books.clock())
    await books.delivered("cb_1_1_r1")
    body = result_body(await ledger.deletions.get("del_1"))
    finished_at = to_ms(books.clock())

    books.clock.forward(days=399)
    await books.prune()
    assert await books.left() == ["del_1"]
    books.clock.forward(days=1, seconds=1)
    await books.prune()
    assert await books.left() == []
    with pytest.raises(NotFound):
        await ledger.deletions.get("del_1")
    # What Redis itself removes with time, and what people were to be told.
    assert await books.keys("_1") == [
        "unglue:idempotency:alice:key of del_1",
        "unglue:notice:ntc_1",
    ]
    (entry,) = await books.audited("archived")
    del entry["at"], entry["what"]
    assert entry == {
        "deletion_id": "del_1",
        "org_id": "301",
        "source": "api",
        "state": "failed",
        "generation": 2,
        "finished_at": finished_at,
        "result_sha256": hashlib.sha256(body).hexdigest(),
    }
    await books.prune()
    assert len(await books.audited("archived")) == 1


async def test_what_is_open_unsettled_or_being_reported_stays(books: Books, ledger: Ledger) -> None:
    await books.ask("del_open")
    await books.ask("del_unsettled")
    held = await ledger.deletions.lease("del_unsettled", books.clock())
    assert held is not None
    held = await ledger.deletions.record(
        held, Change("running", fields={"plan_digest": "d"}), books.clock()
    )
    answer = await begun(ledger, held, books.clock(), org_id="301", resend_after=OLD)
    assert answer.decision == "begun"
    error = ErrorEntry("DeletionUnverified", "?", "")
    await ledger.deletions.record(held, Change(FAILED, errors=(error,)), books.clock())
    await books.ask("del_told", "https://rewst.example.com/hook")
    await books.end("del_told")
    await books.ask("del_looked", "")
    await books.end("del_looked", DELETED)
    books.clock.now += OLD
    await books.ask("del_young")
    await books.end("del_young")
    await books.prune()
    kept = ["del_looked", "del_open", "del_told", "del_unsettled", "del_young"]
    assert sorted(await books.left()) == kept
    assert await books.redis.hget("unglue:claims", "301") == b"del_unsettled"

    await books.delivered("cb_told_1")
    await ledger.deletions.looked_back("del_looked", {"entry": "still_gone"}, books.clock())
    await books.prune()
    assert sorted(await books.left()) == ["del_open", "del_unsettled", "del_young"]


async def test_what_ended_late_is_not_old(books: Books) -> None:
    await books.ask("del_1")
    books.clock.now += OLD
    await books.end("del_1")
    await books.prune()
    assert await books.left() == ["del_1"]


async def test_registers_stay_deliveries_go_with_deletions(books: Books, ledger: Ledger) -> None:
    it = Installation(ledger, books.clock)
    it.configure()
    first = await it.send(event())
    await it.send({"ticket": {"id": 5}})
    asked = first.strongest.deletion_id or ""
    books.clock.now += OLD
    await books.prune()
    # It waits for its deletion, which is open.
    deliveries = await books.redis.zrange("unglue:deliveries", 0, -1)
    assert deliveries == [first.delivery_id.encode()]
    await books.end(asked)
    await books.delivered(f"cb_{asked.removeprefix('del_')}_1")
    books.clock.now += OLD
    await books.prune()
    assert await books.left() == []
    assert await books.keys("deliver") == []
    assert await books.keys("journal") == []
    registers = await books.keys("register:halo")
    assert registers != []
    assert [entry["count"] for entry in await books.audited("pruned")] == [1, 1]
    (archived,) = await books.audited("archived")
    assert (archived["source"], archived["client"]) == ("halo", registers[0].split(":", 3)[3])
    # The client still counts as inactive, and what it says is understood.
    again = await it.send({**event(), "again": 1})
    assert again.strongest.reason == "created"


async def test_protections_stay(books: Books, ledger: Ledger) -> None:
    await ledger.protections.protect("301", by="alice", reason="", how="", now=books.clock())
    books.clock.now += OLD
    await books.prune()
    assert (await ledger.protections.get("301")) is not None


async def swept(ledger: Ledger, now: datetime) -> None:
    """A sweep that ended, with its summary on the way."""
    await ledger.sweeps.begin("swp_1", "monthly", by="alice", preview=False, now=now)
    held = await ledger.sweeps.lease("swp_1", now)
    assert held is not None
    end = End({"sweep_id": "swp_1"}, target="https://rewst.example.com/hook", body="{}")
    await ledger.sweeps.record(held, Progress({"state": "finished"}, end=end), now)


async def test_a_sweeps_summary_leaves(books: Books, ledger: Ledger) -> None:
    await swept(ledger, books.clock())
    books.clock.now += OLD
    await books.prune()
    assert await books.keys("callbacks:of:swp_1") != []
    await books.delivered("cb_1_1")
    await books.prune()
    assert await books.keys("callback:") == []
    assert await books.keys("callbacks:of") == []
    assert await ledger.sweeps.newest(9) == []


async def test_a_replayed_summary_keeps_its_count(books: Books, ledger: Ledger) -> None:
    """Without it the next replay would have the webhook-id of the last one."""
    await swept(ledger, books.clock())
    await books.delivered("cb_1_1")

    async def replay(token: str) -> None:
        await ledger.callbacks.replay(
            "swp_1", operator="alice", token=token, url="", now=books.clock()
        )

    books.clock.forward(days=399)
    await replay("one")
    await books.delivered("cb_1_1_r1")
    books.clock.forward(days=2)
    await books.prune()
    await replay("two")
    assert await books.keys("callback:cb_1_1_r2") != []


async def test_it_goes_in_bounded_steps_past_what_stays(books: Books) -> None:
    """More that stays than a run looks at: what is behind it goes all the same."""
    for number in range(1050):
        await books.ask(f"del_open{number}")
    books.clock.forward(seconds=1)
    for number in range(150):
        await books.ask(f"del_{number}")
        await books.end(f"del_{number}")
    books.clock.now += OLD
    await books.prune()
    assert len(await books.left()) == 1200
    await books.prune()
    assert len(await books.left()) == 1050
    await books.prune()
    assert len(await books.audited("archived")) == 150


async def test_half_a_record_stays_and_stops_nothing(books: Books) -> None:
    for name in ("del_1", "del_2"):
        await books.ask(name)
        await books.end(name)
    await books.redis.hset("unglue:deletion:del_1", "request", "{}")
    books.clock.now += OLD
    await books.prune()
    assert await books.left() == ["del_1"]


async def test_it_is_a_duty_of_the_scheduler(books: Books, valkey_url: str) -> None:
    jobs = JobQueue(valkey_url)
    settings = Settings(itglue={"api_key": "x"})
    duty = next(each for each in duties(settings, books.ledger, jobs) if each.name == "retention")
    jobs.close()
    await books.ask("del_1")
    await books.end("del_1")
    books.clock.now += OLD
    await duty.run(books.clock())
    assert await books.left() == []
