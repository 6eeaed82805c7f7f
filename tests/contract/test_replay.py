"""A deletion that ended, and begins anew: what may, what may not, and what survives."""

import json
from datetime import timedelta
from typing import cast

import pytest

from adapters.errors import NotFound
from tests.contract.conftest import Rehearse
from tests.contract.test_misbehaviour import begin_and_die
from tests.support.audit import audited
from tests.support.deletions import cancelled
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from workers.ledger.deleting.deletions import Anew, Change
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.records import ErrorEntry
from workers.pipeline.result import result_of
from workers.pipeline.states import DELETED, FAILED, QUEUED
from workers.times.clock import rfc3339

WINDOW = timedelta(hours=6)
EMPTY = "311"


async def refusal(it: Rehearsal, deletion_id: str, *, overrule: bool = True) -> str:
    """Why it is not replayed; nothing of it changes."""
    before = await it.ledger.store.hash("deletion", deletion_id)
    with pytest.raises(ReplayRefused) as refused:
        await it.replay(deletion_id, overrule=overrule)
    assert await it.ledger.store.hash("deletion", deletion_id) == before
    assert deletion_id in refused.value.message
    return refused.value.why


async def test_a_blocked_deletion_begins_anew_and_keeps_its_history(rehearse: Rehearse) -> None:
    async with rehearse(protected_names=["Test*"]) as it:
        name = await it.ask(org_id=TEST_COMPANY)
        first = await it.run(name)
        assert first["details"]["state"] == "blocked"
        ended = await it.ledger.deletions.get(name)
        it.clock.forward(hours=1)
        it.reconfigure(protected_names=[])

        assert await it.replay(name, "once") is not None
        anew = await it.ledger.deletions.get(name)
        assert (anew.state, anew.step, anew.generation) == (QUEUED, "plan", 2)
        assert (anew.plan, anew.errors, anew.finished_at) == (None, (), None)
        # Who worked on it before comes too late.
        assert anew.fence == ended.fence + 1
        assert await it.replay(name, "once") is None  # as a repeated command would
        assert (await it.ledger.deletions.get(name)) == anew

        assert (await it.run(name))["deleted"] is True
        view = await it.ledger.views.of(name)
        (before,) = view.earlier
        assert before == ended
        assert result_of(before) == first
        (line,) = [entry for entry in view.journal if entry["entry"] == "replayed"]
        assert (line["operator"], line["generation"], line["was"]) == ("bob", 2, "blocked")
        assert [entry["entry"] for entry in view.journal].count("ended") == 2
        (entry,) = await audited(it.ledger, "replayed")
        assert (entry["deletion_id"], entry["operator"]) == (name, "bob")


async def test_each_generation_has_a_callback_of_its_own(rehearse: Rehearse) -> None:
    async with rehearse(protected_names=["Test*"]) as it:
        name = await it.ask(org_id=TEST_COMPANY)
        await it.run(name)
        for _ in range(2):
            await it.replay(name)
            await it.run(name)
        entries = (await it.ledger.views.of(name)).callbacks
        assert [entry.id for entry in entries] == ["cb_api1_2", "cb_api1_3"]
        held = await it.ledger.callbacks.lease("cb_api1_2", it.clock())
        assert held is not None
        deletions = it.ledger.deletions
        assert (await deletions.generation(held.deletion_id, held.generation)).generation == 2


async def test_what_succeeded_or_has_not_ended_is_refused(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        name = await it.ask(org_id=TEST_COMPANY)
        assert await refusal(it, name) == "not_terminal"
        await it.run(name)
        assert await refusal(it, name) == "succeeded"
        with pytest.raises(NotFound):
            await it.replay("del_0")
        assert [line["why"] for line in await audited(it.ledger, "replay_refused")] == [
            "not_terminal",
            "succeeded",
        ]


async def test_a_soft_delete_that_succeeded_is_refused(rehearse: Rehearse) -> None:
    async with rehearse(mode="soft_delete") as it:
        name = await it.ask(org_id="311")
        assert (await it.run(name))["success"] is True
        assert await refusal(it, name) == "succeeded"


async def test_a_preview_is_a_preview_again(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        name = await it.ask(org_id=TEST_COMPANY, dry_run=True)
        await it.run(name)
        await it.replay(name)
        assert (await it.run(name))["details"]["state"] == "previewed"
        assert await it.exists(TEST_COMPANY)


async def test_a_replayed_preview_says_nothing_of_the_client(rehearse: Rehearse) -> None:
    """What its PSA says later would be taken for no news, and be lost."""
    async with rehearse() as it:
        receipt = await it.event(dry_run=True)
        assert receipt.deletion_id is not None
        await it.run(receipt.deletion_id)
        await it.replay(receipt.deletion_id)
        assert await it.ledger.store.hash("register", "cw", "2") == {}


async def test_a_client_that_was_active_since_is_refused(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        asked = (await it.event()).deletion_id
        assert asked is not None
        await it.event(active=True)
        assert (await it.ledger.deletions.get(asked)).state == "cancelled"
        assert await refusal(it, asked) == "reactivated"
        it.clock.forward(minutes=1)
        second = (await it.event()).deletion_id
        assert second is not None
        assert await refusal(it, asked) == "reactivated"
        assert (await it.run(second))["deleted"] is True


async def test_a_client_of_a_sweep_that_came_back_is_refused(rehearse: Rehearse) -> None:
    async with rehearse(protected_names=["Test*"]) as it:
        name = await it.ask(org_id=TEST_COMPANY)
        record = it.ledger.store.key("deletion", name)
        watch = json.dumps([["cw", "2", "0", ""]])
        await it.ledger.store.redis.hset(record, "watch", watch)
        await it.ledger.store.redis.hset(record, "source", "schedule:monthly")
        await it.run(name)
        await it.event(company="3", active=True)
        await it.replay(name)
        await it.run(name)
        await it.event(active=True)
        assert await refusal(it, name) == "reactivated"


async def test_what_another_deletion_has_claimed_is_refused(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        name = await unanswered_to_the_end(it)
        await it.ledger.store.redis.hset("unglue:claims", TEST_COMPANY, "del_other")
        assert await refusal(it, name) == "claimed"
        assert await it.ledger.store.redis.hget("unglue:claims", TEST_COMPANY) == b"del_other"


async def test_after_a_cancellation_a_replay_by_name_is_a_new_decision(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        asked = (await it.event()).deletion_id
        assert asked is not None
        await cancelled(it.ledger, asked, it.clock(), "carol")
        assert (await it.event()).reason == "cancelled_by_operator"
        assert await refusal(it, asked, overrule=False) == "cancelled_by_operator"
        await it.replay(asked)
        assert (await it.event()).reason == "joined"
        assert (await it.run(asked))["deleted"] is True
        assert len(await it.deletes()) == 1


async def test_a_reactivation_cancels_a_replayed_deletion(rehearse: Rehearse) -> None:
    async with rehearse(protected_names=["Test*"]) as it:
        first = (await it.event()).deletion_id
        assert first is not None
        await it.run(first)
        second = (await it.event()).deletion_id
        assert second is not None
        await it.run(second)
        it.reconfigure(protected_names=[])
        await it.replay(first)
        # The register knows which one is open.
        assert await refusal(it, second) == "other_open"
        assert (await it.event(active=True)).deletion_id == first
        assert (await it.ledger.deletions.get(first)).state == "cancelled"
        assert await it.deletes() == []


async def test_a_client_deleted_by_another_deletion_is_refused(rehearse: Rehearse) -> None:
    async with rehearse(protected_names=["Test*"]) as it:
        first = (await it.event()).deletion_id
        assert first is not None
        await it.run(first)
        it.reconfigure(protected_names=[])
        second = (await it.event()).deletion_id
        assert second is not None
        await it.run(second)
        assert await refusal(it, first) == "already_deleted"


async def test_two_deletions_never_act_on_one_organization(rehearse: Rehearse) -> None:
    async with rehearse("accept-and-do-nothing") as it:
        unverified = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(unverified))["errors"][0]["code"] == "DeletionUnverified"
        other = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(other))["details"]["state"] == "blocked"
        await it.replay(other)
        result = await it.run(other)
        assert (result["details"]["state"], len(await it.deletes())) == ("blocked", 1)


async def test_an_accepted_call_is_looked_at_again_and_never_repeated(rehearse: Rehearse) -> None:
    """IT Glue is late by days: the replay finds the organization gone, and says so."""
    async with rehearse(sandbox={"removal_seconds": 7 * 86400}) as it:
        name = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(name))["errors"][0]["code"] == "DeletionUnverified"
        plan = (await it.ledger.deletions.get(name)).plan
        it.clock.forward(days=5)

        await it.replay(name)
        anew = await it.ledger.deletions.get(name)
        assert (anew.step, anew.plan, anew.intent.state) == ("verify", plan, "accepted")
        began = it.clock()
        result = await it.run(name)
        assert result["errors"][0]["code"] == "DeletionUnverified"
        assert it.clock() - began >= WINDOW
        it.clock.forward(days=1, hours=12)

        await it.replay(name)
        result = await it.run(name)
        assert (result["success"], result["deleted"]) == (True, True)
        assert result["dependency_check"]["assets_found"] is not None
        assert len(await it.deletes()) == 1
        claims = cast("bytes | None", await it.ledger.store.redis.hget("unglue:claims", "301"))
        assert claims is None
        assert await refusal(it, name) == "succeeded"


async def unanswered_to_the_end(it: Rehearsal) -> str:
    """An intent was written, nobody knows what became of the call, and nobody looks any more."""
    name = await it.ask(org_id=TEST_COMPANY)
    await begin_and_die(it, name)
    held = await it.ledger.deletions.lease(name, it.clock())
    assert held is not None
    error = ErrorEntry("DeletionUnverified", "unanswered", rfc3339(it.clock()))
    await it.ledger.deletions.record(held, Change(state=FAILED, errors=(error,)), it.clock())
    return name


async def test_an_unanswered_call_goes_on_where_it_was(rehearse: Rehearse) -> None:
    """Gone after all: the replay reports it, and sends nothing."""
    async with rehearse() as it:
        name = await unanswered_to_the_end(it)
        await it.context.itglue.delete_organization(TEST_COMPANY)
        it.clock.forward(days=3)
        await it.replay(name)
        anew = await it.ledger.deletions.get(name)
        assert (anew.step, anew.intent.state) == ("unanswered", "open")
        result = await it.run(name)
        assert (result["deleted"], len(await it.deletes())) == (True, 1)


async def test_an_unanswered_call_is_sent_again_once_it_had_its_time(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        name = await unanswered_to_the_end(it)
        await it.replay(name)
        # Not before, though this is another generation.
        await it.advance(name)
        assert await it.deletes() == []
        result = await it.run(name)
        assert (result["deleted"], len(await it.deletes())) == (True, 1)
        assert (await it.ledger.deletions.get(name)).intent.number == 2


async def test_an_unanswered_call_is_sent_again_only_after_the_gates(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        name = await unanswered_to_the_end(it)
        await it.change(TEST_COMPANY, quick_notes="#keep")
        await it.replay(name)
        began = it.clock()
        result = await it.run(name)
        assert result["errors"][0]["code"] == "DeletionUnverified"
        assert it.clock() - began >= WINDOW
        assert await it.deletes() == []


async def test_a_replay_counts_once_within_a_day(rehearse: Rehearse) -> None:
    async with rehearse("refuse-synced", max_deletions_per_day=1) as it:
        name = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(name))["details"]["state"] == "blocked"
        await it.http.post("/_sandbox/faults", json={"refuse-synced": None})
        await it.replay(name)
        assert (await it.run(name))["deleted"] is True
        assert (await it.advance(await it.ask(org_id=EMPTY))).state == "awaiting_approval"


async def test_a_replay_a_day_later_counts_anew(rehearse: Rehearse) -> None:
    async with rehearse("refuse-synced", max_deletions_per_day=1) as it:
        name = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(name))["details"]["state"] == "blocked"
        await it.http.post("/_sandbox/faults", json={"refuse-synced": None})
        it.clock.forward(days=1)
        assert (await it.run(await it.ask(org_id=EMPTY)))["deleted"] is True
        await it.replay(name)
        assert (await it.advance(name)).state == "awaiting_approval"


async def test_a_replay_voids_an_approval(rehearse: Rehearse) -> None:
    async with rehearse(protected_names=["Test*"]) as it:
        name = await it.ask(org_id=TEST_COMPANY)
        await it.run(name)
        record = it.ledger.store.key("deletion", name)
        await it.ledger.store.redis.hset(
            record, mapping={"approval_digest": "d", "approvals": "x", "grace_from": "1"}
        )
        await it.replay(name)
        assert [
            each for each in await it.ledger.store.hash("deletion", name) if "appr" in each
        ] == []


async def test_a_parked_deletion_has_its_deaths_forgiven(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        name = await it.ask(org_id=TEST_COMPANY)
        for _ in range(4):
            assert await it.ledger.deletions.lease(name, it.clock()) is not None
            it.clock.forward(seconds=61)
        deletion = await it.advance(name)
        assert (deletion.state, deletion.deaths) == (FAILED, 4)
        assert "ended its worker 4 times" in deletion.errors[0].message
        await it.replay(name)
        assert (await it.run(name))["deleted"] is True
        assert (await it.ledger.deletions.get(name)).state == DELETED


async def test_who_replays_a_pilots_preview_asks_for_the_mode_of_now(rehearse: Rehearse) -> None:
    async with rehearse(mode="preview") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(deletion_id))["details"]["state"] == "previewed"
        it.reconfigure(mode="delete")
        await it.ledger.deletions.replay(
            deletion_id, operator="bob", token="r1", callback_url="", overrule=True,
            now=it.clock(), asked=Anew("delete"),
        )  # fmt: skip
        assert (await it.run(deletion_id))["deleted"] is True
