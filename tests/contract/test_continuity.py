"""Absence of memory is not permission: a ledger emptied, replaced or restored stops everything."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.errors import Conflict
from service.doctor.ledger import ledger_findings
from service.sandbox.settings import SandboxSettings
from tests.support.audit import pending
from tests.support.clock import TestClock
from tests.support.deletions import requested
from tests.support.ledgers import ALWAYS, memory_of, notice_kinds, restore, snapshot
from tests.support.rehearsal import NO_LIMITS, TEST_COMPANY, Rehearsal
from workers.audit.in_force import policy_digest
from workers.ledger.installation.memory import Memory
from workers.ledger.installation.stop_switch import LEDGER_LOST
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.processes import jobs
from workers.processes.duties import Duty
from workers.processes.queue import QUEUE_KEY
from workers.processes.runtime import open_ledger, open_queue
from workers.processes.scheduler import Scheduler
from workers.settings import Settings
from workers.times.clock import to_ms
from workers.upkeep.continuity import Continuity
from workers.upkeep.witness import Witness, Witnesses, read_witness, write_witness

POLICY = {"eligible_statuses": ("Active", "Inactive"), "dependency_limits": NO_LIMITS}


@pytest.fixture
def sandbox() -> SandboxSettings:
    return SandboxSettings()


def over(redis: Redis, memory: Memory | None = None, prefix: str = "unglue:") -> Ledger:
    minute = timedelta(minutes=1)
    return Ledger(
        Store(
            redis,
            queue_key=QUEUE_KEY,
            lease=minute,
            requeue_after=minute,
            retention=timedelta(days=400),
            prefix=prefix,
            memory=memory or Memory(),
            own_clock=True,
        )
    )


def watch(ledger: Ledger, clock: TestClock, *places: Path) -> Continuity:
    return Continuity(ledger, Witnesses(places, writes=True), clock, "service")


async def causes(ledger: Ledger) -> list[str]:
    return [each.cause for each in await ledger.stop_switch.pauses()]


async def test_a_new_one_is_founded_running(redis: Redis, clock: TestClock, tmp_path: Path) -> None:
    await redis.flushall()
    ledger = over(redis)
    place = tmp_path / "state" / "w.json"
    assert await watch(ledger, clock, place).look() is None
    assert await causes(ledger) == []
    assert read_witness(place) == Witness(ledger.store.memory.id, 0)
    assert place.stat().st_mode & 0o777 == 0o600
    assert not await redis.exists("unglue:audit:pending")


async def test_an_older_release_goes_on_with_its_pause(redis: Redis, clock: TestClock) -> None:
    for paused in (False, True):
        await redis.flushall()
        await redis.set("unglue:audit:number", 7)
        if paused:
            line = json.dumps({"by": "alice", "at": 0, "reason": "stop"})
            await redis.hset("unglue:paused", "operator", line)
        ledger = over(redis)
        assert await watch(ledger, clock).look() is None
        assert await causes(ledger) == (["operator"] if paused else [])
        assert await redis.exists("unglue:running") == (not paused)
        assert [each["what"] for each in await pending(redis)] == ["ledger_founded"]


@pytest.mark.parametrize("where", ["memory", "disk"])
async def test_an_emptied_redis_deletes_nothing_until_it_is_accepted(
    where: str, redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings,
    tmp_path: Path,
) -> None:  # fmt: skip
    place = tmp_path / "w.json"
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        assert await watch(ledger, clock, place).look() is None
        await redis.flushall()
        await redis.hset("unglue:ledger", "heard_at", ALWAYS)
        # The same worker, at once: nobody noticed yet.
        asked = await it.ask(org_id=TEST_COMPANY)
        waits = await it.advance(asked)
        assert waits.state == "retrying"
        assert "not_begun" in await it.journal(asked)
        assert await causes(ledger) == [LEDGER_LOST]

        if where == "disk":
            ledger.store.memory.id, ledger.store.memory.mark = "", 0
        assert await watch(ledger, clock, place).look() == LEDGER_LOST
        assert await causes(ledger) == [LEDGER_LOST]
        assert await redis.exists("unglue:running") == 0
        clock.forward(minutes=10)
        assert (await it.advance(asked)).state == "retrying"
        with pytest.raises(Conflict, match="--accept-ledger"):
            await ledger.stop_switch.resume("alice", "go", clock())

        clock.forward(seconds=1)
        (ended,) = await ledger.stop_switch.resume("alice", "seen", clock(), accept_ledger=True)
        assert ended.cause == LEDGER_LOST
        assert await watch(ledger, clock, place).look() is None
        # Asked before: somebody has to ask again.
        result = await it.run(asked)
        assert not result["deleted"]
        assert [each["code"] for each in result["errors"]] == ["Cancelled"]
        assert "before the ledger was lost" in result["errors"][0]["message"]
        assert await it.deletes() == []
        clock.forward(seconds=1)
        await ledger.in_force.started("service", policy_digest(it.settings), clock())
        again = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert again["deleted"]


async def test_an_earlier_event_is_doubted(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    await redis.hset("unglue:ledger", "accepted_at", 1000)
    for signed, doubts in ((999, '["before_acceptance"]'), (1000, None)):
        event = {
            "event_id": f"e{signed}", "client": f"c{signed}", "kind": "request",
            "occurred_at": signed, "request": "{}", "actor": "m", "deletion_id": f"del_{signed}",
            "callback_url": "",
        }  # fmt: skip
        delivery = {"id": f"dlv_{signed}", "source": "cw", "vendor": "standard", "headers": "[]"}
        await ledger.deliveries.receive(delivery=delivery, body=b"{}", events=[event], now=clock())
        found: Any = await redis.hget(f"unglue:deletion:del_{signed}", "doubts")
        assert (found.decode() if found else None) == doubts


async def test_a_restored_copy_pauses_and_what_it_brought_back_does_not_act(
    redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings, tmp_path: Path
) -> None:
    place = tmp_path / "w.json"
    async with Rehearsal(ledger, clock, sandbox, {**POLICY, "grace_period": "1h"}) as it:
        receipt = await it.event(company="2")
        assert receipt.deletion_id is not None
        waiting = await it.advance(receipt.deletion_id)
        assert waiting.state == "scheduled"
        copy = await snapshot(redis)
        await it.event(active=True, company="2")
        assert (await ledger.deletions.get(receipt.deletion_id)).state == "cancelled"
        assert await watch(ledger, clock, place).look() is None

        await restore(redis, copy)
        clock.forward(hours=2)
        # A worker that has seen more, before anybody looked.
        await it.advance(receipt.deletion_id)
        assert await it.deletes() == []
        # A process that has just been started knows it from the disk.
        fresh = over(redis)
        assert await watch(fresh, clock, place).look() == LEDGER_LOST
        assert await causes(ledger) == [LEDGER_LOST]
        clock.forward(minutes=1)
        await ledger.stop_switch.resume("alice", "compared", clock(), accept_ledger=True)
        assert await watch(ledger, clock, place).look() is None
        clock.forward(minutes=10)
        result = await it.run(receipt.deletion_id)
        assert not result["deleted"]
        # Replayed it may be, but nobody can see what was lost: here, that the client is active.
        await it.replay(receipt.deletion_id, operator="alice")
        assert (await it.advance(receipt.deletion_id)).state == "awaiting_approval"
        assert await it.deletes() == []


async def test_a_clock_that_went_back_makes_nothing_newer_than_the_acceptance(
    ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    """A machine is brought back with its Redis, and its clock stands where it stood then."""
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        asked = await it.ask(org_id=TEST_COMPANY)
        clock.forward(hours=-3)
        await ledger.stop_switch.lose_ledger("restored", clock())
        await ledger.stop_switch.resume("alice", "compared", clock(), accept_ledger=True)
        assert await watch(ledger, clock).look() is None
        await ledger.in_force.started("service", policy_digest(it.settings), clock())
        clock.forward(hours=4)
        result = await it.run(asked)
        assert [each["code"] for each in result["errors"]] == ["Cancelled"]
        assert await it.deletes() == []


async def test_nobody_accepts_it_by_a_clock_that_is_off(ledger: Ledger, clock: TestClock) -> None:
    """The rehearsal's clock stands still, days from that of the server."""
    await ledger.stop_switch.lose_ledger("restored", clock())
    ledger.store.own_clock = False
    for _ in range(2):
        with pytest.raises(Conflict, match="set both by NTP"):
            await ledger.stop_switch.resume("alice", "compared", clock(), accept_ledger=True)
    assert await causes(ledger) == [LEDGER_LOST]


@asynccontextmanager
async def lacked_by_a_copy(ledger: Ledger, clock: TestClock) -> AsyncIterator[None]:
    """What is done here is seen, and then lacks, for a copy of before is restored, and seen."""
    it = watch(ledger, clock)
    await it.look()
    copy = await snapshot(ledger.store.redis)
    yield
    await it.look()
    await restore(ledger.store.redis, copy)
    await it.look()


async def test_a_copy_that_lacks_only_an_unproved_delivery_is_another_ledger(
    ledger: Ledger, clock: TestClock
) -> None:
    """It was answered 202, and may be that a client is active: what holds its source is gone."""
    delivery = {"id": "dlv_1", "source": "cw", "vendor": "connectwise", "headers": "{}"}
    async with lacked_by_a_copy(ledger, clock):
        assert await ledger.quarantine.keep(delivery=delivery, body=b"{}", due=clock(), now=clock())
    assert await causes(ledger) == [LEDGER_LOST]


async def test_a_copy_that_lacks_a_spool_is_another_ledger(
    ledger: Ledger, clock: TestClock
) -> None:
    """What it took in since was answered 202, and no deletion would wait for it."""
    async with lacked_by_a_copy(ledger, clock):
        await ledger.spools.beat(
            "spl_1", clock(), where="box", waiting=0, oldest=None, durable=True
        )
    assert await causes(ledger) == [LEDGER_LOST]


async def test_what_was_answered_since_the_last_look_is_looked_for(
    redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    async with Rehearsal(ledger, clock, sandbox, {**POLICY, "grace_period": "1h"}) as it:
        await it.event(company="2")
        watching = watch(ledger, clock)
        assert await watching.look() is None
        copy = await snapshot(redis)
        await it.event(active=True, company="2")  # answered with 202
        await restore(redis, copy)
        assert await watching.look() == LEDGER_LOST
        assert await watching.look() == LEDGER_LOST
        # Once an admin accepts what is there, it is not looked for any more.
        clock.forward(minutes=1)
        await ledger.stop_switch.resume("alice", "compared", clock(), accept_ledger=True)
        assert await watching.look() is None
        assert await watching.look() is None


@pytest.mark.parametrize("where", ["memory", "disk"])
async def test_what_was_missing_for_a_while_does_not_act_when_it_is_back(
    where: str, redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings,
    tmp_path: Path,
) -> None:  # fmt: skip
    place = tmp_path / "w.json"
    async with Rehearsal(ledger, clock, sandbox, {**POLICY, "grace_period": "1h"}) as it:
        receipt = await it.event(company="2")
        assert receipt.deletion_id is not None
        assert (await it.advance(receipt.deletion_id)).state == "scheduled"
        assert await watch(ledger, clock, place).look() is None
        copy = await snapshot(redis)
        await redis.flushall()
        for _ in range(2):
            assert await watch(ledger, clock, place).look() == LEDGER_LOST
        await it.event(active=True, company="2")  # answered with 202, and then overwritten

        # All that was decided before is there again.
        await restore(redis, copy)
        clock.forward(hours=2)
        if where == "disk":
            ledger.store.memory = Memory()
            assert await watch(ledger, clock, place).look() == LEDGER_LOST
        await it.advance(receipt.deletion_id)
        assert await it.deletes() == []
        assert await watch(ledger, clock, place).look() == LEDGER_LOST
        (pause,) = await ledger.stop_switch.pauses()
        assert "missing for a while" in pause.reason
        clock.forward(minutes=1)
        await ledger.stop_switch.resume("alice", "compared", clock(), accept_ledger=True)
        assert await watch(ledger, clock, place).look() is None


async def test_a_pause_lasts_where_nobody_says_that_deletions_may_run(
    redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        await redis.delete("unglue:running")
        asked = await it.ask(org_id=TEST_COMPANY)
        assert (await it.advance(asked)).state == "retrying"
        assert await it.deletes() == []
        assert await causes(ledger) == [LEDGER_LOST]


async def test_a_strange_ledger_is_told(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    await redis.hset("unglue:ledger", "id", "somebody-elses")
    assert await watch(ledger, clock).look() == LEDGER_LOST
    kinds = [await redis.hget(name, "kind") for name in await redis.keys("unglue:notice:*")]
    assert kinds == [b"ledger_lost"]
    # And once more: it is said once.
    assert await watch(ledger, clock).look() == LEDGER_LOST
    assert len(await redis.keys("unglue:notice:*")) == 1


async def test_what_is_told_of_a_lost_ledger_has_a_number_of_its_own(
    redis: Redis, ledger: Ledger, clock: TestClock
) -> None:
    """Whoever keeps the ids of what was told would take it for what he knows."""
    assert await watch(ledger, clock).look() is None
    await ledger.notices.write("clock_off", {"part": "worker"}, clock())
    before = set(await redis.keys("unglue:notice:*"))
    await redis.flushall()
    assert await watch(ledger, clock).look() == LEDGER_LOST
    told = set(await redis.keys("unglue:notice:*"))
    assert len(told) == 1
    assert before.isdisjoint(told)


async def test_unreadable_witness_stops(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    place.write_text("{")
    assert await watch(ledger, clock, place).look() == LEDGER_LOST
    (pause,) = await ledger.stop_switch.pauses()
    assert str(place) in pause.reason


def test_a_witness_is_written_only_where_less_is_known(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    witnesses = Witnesses([place], writes=True)
    witnesses.keep(Witness("a", 5))
    before = place.stat().st_ino
    witnesses.keep(Witness("a", 5))
    witnesses.keep(Witness("a", 4))
    assert place.stat().st_ino == before
    witnesses.keep(Witness("b", 1))
    assert read_witness(place) == Witness("b", 1)
    write_witness(place, Witness("b", 2))
    assert [each.name for each in tmp_path.iterdir()] == ["w.json"]


async def test_a_worker_whose_clock_is_wrong_is_refused(
    redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    """The rehearsal's clock stands still, days from that of the server."""
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        ledger.store.own_clock = False
        asked = await it.ask(org_id=TEST_COMPANY)
        waits = await it.advance(asked)
        assert waits.state == "retrying"
        journal = (await ledger.views.of(asked)).journal
        assert [each["why"] for each in journal if each["entry"] == "not_begun"] == ["clock_off"]
        assert await it.deletes() == []
        assert await watch(ledger, clock).look() == "clock_off"
        assert len(await redis.keys("unglue:notice:*")) == 1


async def test_a_part_whose_clock_is_wrong_does_nothing_and_says_so(
    redis: Redis,
    ledger: Ledger,
    clock: TestClock,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test's clock stands still, days from that of the server."""
    settings = Settings(redis_url=valkey_url, itglue={"api_key": "ITG.test"})
    ledger.store.own_clock = False
    await requested(ledger, "del_1", clock())
    clock.forward(hours=1)  # its job was lost
    done: list[datetime] = []

    async def note(now: datetime) -> None:
        done.append(now)

    async with open_queue(settings) as queue:
        scheduler = Scheduler(
            ledger, queue, clock=clock, interval=timedelta(seconds=1),
            duties=(Duty("note", timedelta(hours=1), note),), continuity=watch(ledger, clock),
        )  # fmt: skip
        assert await scheduler.tick() is False
        assert await scheduler.fill_up() is False
    assert (done, await redis.llen(QUEUE_KEY)) == ([], 0)

    # A worker that looked further would miss the rest of its connections.
    monkeypatch.setattr(jobs, "system_clock", clock)
    connections: Any = SimpleNamespace(ledger=ledger)
    await jobs._advance("del_1", settings, connections)
    assert (await ledger.deletions.get("del_1")).state == "queued"

    found = [each async for each in ledger_findings(settings, ledger, clock)]
    (said,) = [each for each in found if each.part == "clock"]
    assert (said.level, said.message[:34]) == ("fail", "differs from the clock of Redis by")
    assert said.cure.startswith("set both by NTP")
    assert "clock_off" in await notice_kinds(ledger)


async def test_two_prefixes_share_a_server(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    other = over(redis, prefix="staging:")
    assert await watch(other, clock).look() is None
    assert other.store.memory.id != (await memory_of(redis)).id
    await other.stop_switch.pause("alice", "only here", clock())
    assert await causes(other) == ["operator"]
    assert await causes(ledger) == []


async def test_nor_do_they_share_rqs_queue(redis: Redis, valkey_url: str) -> None:
    """Both have a deletion and a number of the same name: neither worker takes the other's."""
    for prefix in ("unglue:", "staging:"):
        settings = Settings(
            redis_url=valkey_url, redis_prefix=prefix, itglue={"api_key": "ITG.test"}
        )
        async with open_ledger(settings) as its, open_queue(settings) as queue:
            await queue.enqueue("advance_deletion", "del_1", 1)
            assert its.store.queue_key == f"rq:queue:{prefix[:-1]}"
    waiting = [await redis.lrange(f"rq:queue:{each}", 0, -1) for each in ("unglue", "staging")]
    assert [len(each) for each in waiting] == [1, 1]
    assert waiting[0] != waiting[1]


async def test_after_a_start_of_the_server_everybody_looks_first(
    redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    """A copy is restored by a start, and only who answered knows what it lacks."""
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        await redis.hset("unglue:ledger", "server", "0" * 40)  # what it was before
        receipt = await it.event(company="2")
        assert receipt.deletion_id is not None
        # Who comes meanwhile waits as well.
        ledger.store.memory = await memory_of(redis)
        for _ in range(2):
            found = await it.advance(receipt.deletion_id)
            assert (found.state, await it.deletes()) == ("retrying", [])
            assert await watch(ledger, clock).look() is None
            clock.forward(seconds=2)
        assert (await it.run(receipt.deletion_id))["deleted"]


@pytest.mark.parametrize("seen_first_by", ["service", "worker"])
async def test_an_emptied_server_is_looked_at_first(
    seen_first_by: str, redis: Redis, clock: TestClock, sandbox: SandboxSettings
) -> None:
    """A worker that has just started remembers nothing, and founds what it finds."""
    await redis.flushall()
    await redis.hset("unglue:ledger", "heard_at", ALWAYS)
    ledger = over(redis)
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        if seen_first_by == "service":
            assert await watch(over(redis), clock).look() is None
        assert await watch(ledger, clock).look() is None
        asked = await it.ask(org_id=TEST_COMPANY)
        assert (await it.advance(asked)).state == "retrying"
        assert await it.deletes() == []
        clock.forward(seconds=3)
        assert (await it.run(asked))["deleted"]


async def test_a_clock_that_went_back_after_the_start_is_waited_for_anew(
    redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        await redis.hset("unglue:ledger", "server_at", to_ms(clock()) + 86_400_000)
        asked = await it.ask(org_id=TEST_COMPANY)
        assert (await it.advance(asked)).state == "retrying"
        clock.forward(seconds=3)
        assert (await it.run(asked))["deleted"]


@pytest.mark.parametrize("since", ["the last half minute", "the server was seen"])
async def test_nothing_is_deleted_where_nobody_would_hear_of_it(
    since: str, redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    """A worker is led to a copy in another database, or the service is gone, or hangs."""
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        if since == "the server was seen":
            await redis.hset("unglue:ledger", "server", "0" * 40)
            await redis.hset("unglue:ledger", "heard_at", to_ms(clock()) - 1)
        else:
            await redis.hset("unglue:ledger", "heard_at", to_ms(clock()) - 31_000)
        asked = await it.ask(org_id=TEST_COMPANY)
        for _ in range(3):
            assert (await it.advance(asked)).state == "retrying"
            # A worker's and the scheduler's looks are none of who takes in what clients say.
            await Continuity(ledger, Witnesses((), writes=False), clock, "worker").look()
            clock.forward(seconds=15)
        assert await it.deletes() == []
        assert await watch(ledger, clock).look() is None
        assert (await it.run(asked))["deleted"]


async def test_a_server_that_makes_room_by_itself_is_seen_at_once(
    redis: Redis, ledger: Ledger, clock: TestClock, sandbox: SandboxSettings
) -> None:
    """Set meanwhile, or after a fail-over to a replica that is set up otherwise."""
    async with Rehearsal(ledger, clock, sandbox, POLICY) as it:
        asked = await it.ask(org_id=TEST_COMPANY)
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert (await it.advance(asked)).state == "retrying"
        finally:
            await redis.config_set("maxmemory-policy", "noeviction")
        clock.forward(minutes=10)
        assert (await it.advance(asked)).state == "retrying"
        assert await it.deletes() == []
        (pause,) = await ledger.stop_switch.pauses()
        assert (pause.cause, "allkeys-lru" in pause.reason) == (LEDGER_LOST, True)
