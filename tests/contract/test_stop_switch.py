"""The stop switch: a person pulls it, or IT Glue by refusing the key; nothing ends by it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.errors import CallsStopped
from tests.contract.conftest import Rehearse
from tests.support.audit import audited
from tests.support.ledgers import notices
from tests.support.rehearsal import NO_LIMITS, TEST_COMPANY, Rehearsal
from workers.ledger.deleting.deletions import Begun
from workers.ledger.records import Deletion
from workers.pipeline.advance import advance

EMPTY = "311"
COMPANIES = ("301", "302", EMPTY, "304", "305", "306")


async def refuse(it: Rehearsal, kind: str | None, status: int = 401) -> None:
    """IT Glue refuses the key for a kind of record (or all), or no longer."""
    fault = None if kind is None else f"{kind},{status}"
    (await it.http.post("/_sandbox/faults", json={"forbid": fault})).raise_for_status()


async def work(it: Rehearsal, deletion_id: str) -> Deletion:
    """One job, with a client of its own as every job has."""
    it.context = replace(await it.connect(), settings=it.settings)
    return await it.advance(deletion_id)


async def asked(it: Rehearsal) -> int:
    requests = (await it.http.get("/_sandbox/requests")).json()["requests"]
    return len(requests)


async def trip(it: Rehearsal) -> None:
    """Three deletions meet a refused key."""
    await refuse(it, "all")
    for _ in range(3):
        await work(it, await it.ask(org_id=TEST_COMPANY))


# -- pulled by a person --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["delete", "soft_delete"])
async def test_nothing_is_deleted_until_somebody_resumes(rehearse: Rehearse, mode: str) -> None:
    async with rehearse(mode=mode, eligible_statuses=[]) as it:
        await it.ledger.stop_switch.pause("carol", "wrong clients", it.clock())
        deletion_id = await it.ask(org_id=EMPTY)
        deletion = await work(it, deletion_id)

        assert (deletion.state, deletion.waits_for) == ("retrying", "paused")
        assert deletion.plan is not None  # planned all the same
        looked = await asked(it)
        for _ in range(3):
            it.clock.now = deletion.ready_at
            deletion = await work(it, deletion_id)
        # A night of it fills no journal, and reads nothing but the account's statuses.
        journal = (await it.ledger.views.of(deletion_id)).journal
        assert [each["why"] for each in journal if each["entry"] == "not_begun"] == ["paused"]
        assert await asked(it) - looked <= (3 if mode == "soft_delete" else 0)
        assert len(await audited(it.ledger, "not_begun")) == 1

        await it.ledger.stop_switch.resume("alice", "they were right", it.clock())
        due = (await it.ledger.deletions.hand_out(it.clock())).jobs
        assert [name for name, _ in due] == [deletion_id]
        assert (await it.run(deletion_id))["success"] is True


@pytest.mark.parametrize("mode", ["delete", "soft_delete"])
async def test_a_pause_between_the_permission_and_the_call(
    rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    async with rehearse(mode=mode, eligible_statuses=[]) as it:
        begin, switch = it.ledger.deletions.begin_delete, it.ledger.stop_switch

        async def and_somebody_pauses(*args: Any, **named: Any) -> Begun:
            begun = await begin(*args, **named)
            await switch.pause("carol", "stop", it.clock())
            return begun

        monkeypatch.setattr(it.ledger.deletions, "begin_delete", and_somebody_pauses)
        deletion_id = await it.ask(org_id=EMPTY)
        deletion = await work(it, deletion_id)
        it.clock.now = deletion.ready_at
        deletion = await work(it, deletion_id)
        assert (deletion.state, deletion.waits_for) == ("retrying", "paused")
        assert deletion.intent.state == "refused"
        assert await it.exists(EMPTY)
        assert await it.deletes() == []

        monkeypatch.undo()
        await switch.resume("alice", "", it.clock())
        assert (await it.run(deletion_id))["success"] is True


async def test_people_and_the_audit_log_are_told_once(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        switch, now = it.ledger.stop_switch, it.clock()
        first = await switch.pause("carol", "wrong clients", now)
        assert await switch.pause("alice", "me too", it.clock.forward(seconds=1)) == first
        assert await switch.pauses() == (first,)
        later = it.clock.forward(seconds=1)
        for _ in range(2):  # as a repeated command would
            assert await switch.resume("alice", "fine", later) == (first,)
        assert await switch.resume("alice", "", it.clock.forward(seconds=1)) == ()
        assert await switch.pauses() == ()

        assert await notices(it.ledger) == [
            {"kind": "paused", "by": "carol", "cause": "operator", "reason": "wrong clients"},
            {"kind": "resumed", "by": "alice", "reason": "fine"},
        ]
        entries = [(each["what"], each["operator"]) for each in await audited(it.ledger, "paused")]
        assert entries == [("paused", "carol"), ("paused", "alice")]
        entries = [(each["what"], each["operator"]) for each in await audited(it.ledger, "resumed")]
        assert entries == [("resumed", "alice")]


async def test_what_went_out_is_looked_after(rehearse: Rehearse) -> None:
    """The proof does not wait for anybody to resume."""
    async with rehearse("lag=600") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        assert (await work(it, deletion_id)).state == "verifying"
        await it.ledger.stop_switch.pause("carol", "stop", it.clock())
        assert (await it.run(deletion_id))["deleted"] is True


@pytest.mark.parametrize("worked", [False, True])
async def test_an_unanswered_call_is_not_repeated(rehearse: Rehearse, *, worked: bool) -> None:
    async with rehearse("drop-after:1" if worked else "drop-before:1") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        assert (await work(it, deletion_id)).intent.unanswered
        await it.ledger.stop_switch.pause("carol", "stop", it.clock())
        result = await it.run(deletion_id)

        assert len(await it.deletes()) == 1
        assert result["deleted"] is worked
        if not worked:
            assert [error["code"] for error in result["errors"]] == ["DeletionUnverified"]


async def test_events_are_taken_in_and_a_paused_deletion_can_be_stopped(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await it.ledger.stop_switch.pause("carol", "stop", it.clock())
        receipt = await it.event()
        assert receipt.deletion_id is not None
        assert (await work(it, receipt.deletion_id)).waits_for == "paused"
        await it.event(active=True)
        deletion = await it.ledger.deletions.get(receipt.deletion_id)
        assert deletion.state == "cancelled"


# -- pulled by IT Glue ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_does_not_fail_the_whole_queue(rehearse: Rehearse, status: int) -> None:
    async with rehearse() as it:
        await refuse(it, "all", status)
        ids = [await it.ask(org_id=each) for each in COMPANIES]
        states = [(await work(it, each)).state for each in ids]
        assert states == ["failed", "failed", "retrying", "retrying", "retrying", "retrying"]
        first = await it.ledger.deletions.get(ids[0])
        assert [error.code for error in first.errors] == ["PermissionDenied"]

        looked = await asked(it)
        waiting = [await it.ledger.deletions.get(each) for each in ids[2:]]
        assert {each.waits_for for each in waiting} == {"key_refused"}
        for each in waiting:
            journal = (await it.ledger.views.of(each.id)).journal
            assert journal[-1].items() >= {"entry": "postponed", "why": "key_refused"}.items()
        for _ in range(3):
            it.clock.now = max(each.ready_at for each in waiting)
            waiting = [await work(it, each.id) for each in waiting]
        assert await asked(it) == looked  # nothing was asked of IT Glue
        assert len((await it.ledger.views.of(ids[-1])).journal) == 2  # and no journal was filled

        (pause,) = await it.ledger.stop_switch.pauses()
        assert (pause.cause, pause.by) == ("key_refused", "")
        (notice,) = await notices(it.ledger, "paused")
        assert str(status) in notice["reason"]

        await refuse(it, None)
        it.clock.now = max(each.ready_at for each in waiting)
        assert (await work(it, ids[2])).state == "retrying"  # only a person resumes
        await it.ledger.stop_switch.resume("alice", "a new key", it.clock())
        due = (await it.ledger.deletions.hand_out(it.clock())).jobs
        assert {name for name, _ in due} == set(ids[2:])
        assert (await it.run(ids[2]))["deleted"] is True


async def test_a_key_that_is_still_refused_stops_it_again(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await trip(it)
        await it.ledger.stop_switch.resume("alice", "", it.clock())
        for _ in range(2):
            await work(it, await it.ask(org_id=TEST_COMPANY))
            assert await it.ledger.stop_switch.pauses() == ()
        await work(it, await it.ask(org_id=TEST_COMPANY))
        assert len(await it.ledger.stop_switch.pauses()) == 1


async def test_an_accepted_key_ends_the_row(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        for _ in range(3):
            await refuse(it, "all")
            for _ in range(2):
                await work(it, await it.ask(org_id=TEST_COMPANY))
            await refuse(it, None)
            assert (await work(it, await it.ask(org_id="302", dry_run=True))).state == "previewed"
        assert await it.ledger.stop_switch.pauses() == ()


@pytest.mark.parametrize("status", [401, 403])
async def test_what_the_key_may_not_read_is_no_refusal(rehearse: Rehearse, status: int) -> None:
    async with rehearse(dependency_limits=NO_LIMITS) as it:
        await refuse(it, "documents", status)
        for _ in range(4):
            deletion = await work(it, await it.ask(org_id=TEST_COMPANY, dry_run=True))
            assert deletion.state == "previewed"
            assert deletion.plan is not None
            assert deletion.plan.counts["documents"] is None
        assert await it.ledger.stop_switch.pauses() == ()
        assert not await it.ledger.store.redis.exists(it.ledger.store.key("itglue", "refused"))


async def test_twenty_workers_at_once_fail_two_deletions_at_most(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await refuse(it, "all")
        ids = [await it.ask(org_id=TEST_COMPANY) for _ in range(20)]
        contexts = [replace(await it.connect(), settings=it.settings) for _ in ids]

        async def job(number: int) -> Deletion:
            deletion = await advance(ids[number], contexts[number])
            assert deletion is not None
            return deletion

        ended = await asyncio.gather(*(job(number) for number in range(20)))
        states = sorted(each.state for each in ended)
        failed = states.count("failed")
        assert failed <= 2
        assert states == ["failed"] * failed + ["retrying"] * (20 - failed)
        assert len(await notices(it.ledger, "paused")) == 1


async def test_a_proof_waits_for_the_key_however_long_that_takes(rehearse: Rehearse) -> None:
    """The verification window may be over when somebody resumes: the next look decides."""
    async with rehearse("lag=600") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        assert (await work(it, deletion_id)).state == "verifying"
        await refuse(it, "all")
        while not await it.ledger.stop_switch.pauses():
            deletion = await work(it, deletion_id)
            it.clock.now = deletion.ready_at
        looked = await asked(it)
        for _ in range(5):
            it.clock.forward(hours=10)
            deletion = await work(it, deletion_id)
            assert (deletion.state, deletion.waits_for) == ("retrying", "key_refused")
        assert await asked(it) == looked

        # Resumed too early: what shows nothing ends nothing.
        await it.ledger.stop_switch.resume("alice", "", it.clock())
        deletion = await work(it, deletion_id)
        assert not deletion.terminal
        await refuse(it, None)
        result = await it.run(deletion_id)
        assert (result["deleted"], len(await it.deletes())) == (True, 1)


async def test_an_unanswered_call_waits_for_the_key(rehearse: Rehearse) -> None:
    async with rehearse("drop-after:1", verify_window="1h") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        assert (await work(it, deletion_id)).intent.unanswered
        await trip(it)
        for _ in range(3):
            it.clock.forward(hours=2)
            assert not (await work(it, deletion_id)).terminal
        await refuse(it, None)
        await it.ledger.stop_switch.resume("alice", "", it.clock())
        assert (await it.run(deletion_id))["deleted"] is True


async def test_a_repeated_command_is_one_refusal(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        arguments = [0, 401, 3, "the same word"]
        for _ in range(4):
            await it.ledger.store.run("key_refused", *arguments)
        assert await it.ledger.stop_switch.pauses() == ()


async def test_both_causes_are_shown_and_ended(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await it.ledger.stop_switch.pause("carol", "stop", it.clock())
        it.clock.forward(seconds=1)
        await trip(it)
        causes = [each.cause for each in await it.ledger.stop_switch.pauses()]
        assert causes == ["operator", "key_refused"]
        with pytest.raises(CallsStopped) as stopped:
            await it.context.itglue.control()
        assert stopped.value.until > it.clock() + timedelta(minutes=1)
        await it.ledger.stop_switch.resume("alice", "", it.clock())
        assert await it.ledger.stop_switch.pauses() == ()
