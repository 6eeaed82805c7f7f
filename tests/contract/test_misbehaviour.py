"""An IT Glue that misbehaves, a world that moves, a worker that dies."""

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Rehearse
from tests.support.altered import Altered
from tests.support.ledgers import notice_kinds
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from workers.ledger.deleting.deletions import Begun
from workers.ledger.records import Deletion
from workers.pipeline.steps import delete, plan


async def planned(it: Rehearsal, deletion_id: str) -> Deletion:
    """Taken and planned, about to be deleted."""
    held = await it.ledger.deletions.lease(deletion_id, it.clock())
    assert held is not None
    return await it.ledger.deletions.record(held, await plan.run(held, it.context), it.clock())


async def begin_and_die(it: Rehearsal, deletion_id: str) -> None:
    """Everything up to the written intent, then nothing more: the worker is gone."""
    held = await planned(it, deletion_id)
    assert held.plan is not None
    begun = await it.ledger.deletions.begin_delete(
        held,
        org_id=TEST_COMPANY,
        digest=held.plan.digest,
        resend_after=it.settings.policy.resend_after,
        limits=(),
        now=it.clock(),
    )
    assert begun == Begun("begun", 1)
    it.clock.forward(seconds=61)


async def test_killed_between_intent_and_send_one_delete_after_resend(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        await begin_and_die(it, deletion_id)
        begun_at = (await it.ledger.deletions.get(deletion_id)).intent.at
        assert begun_at is not None

        await it.advance(deletion_id)
        assert await it.deletes() == []
        result = await it.run(deletion_id)
        assert result["deleted"] is True
        assert len(await it.deletes()) == 1
        assert it.clock() >= begun_at + it.settings.policy.resend_after


async def test_parked_after_its_intent_it_is_unverified_and_not_resent(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        await begin_and_die(it, deletion_id)
        for _ in range(3):
            assert await it.ledger.deletions.lease(deletion_id, it.clock()) is not None
            it.clock.forward(seconds=61)
        deletion = await it.advance(deletion_id)
        assert (deletion.state, deletion.deaths) == ("failed", 4)
        assert [error.code for error in deletion.errors] == ["DeletionUnverified"]
        # Whatever became of the call, nobody else may send one.
        other = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert other["details"]["state"] == "blocked"
        assert await it.deletes() == []


async def test_killed_between_send_and_answer_the_rerun_reports_deleted(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        await begin_and_die(it, deletion_id)
        await it.context.itglue.delete_organization(TEST_COMPANY)

        result = await it.run(deletion_id)
        assert result["deleted"] is True
        assert len(await it.deletes()) == 1


@pytest.mark.parametrize("fault", ["drop-after:1", "html@DELETE:1"])
async def test_an_unanswered_call_is_resolved_by_reading(rehearse: Rehearse, fault: str) -> None:
    async with rehearse(fault) as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert result["deleted"] is True


async def test_dropped_before_acting_is_sent_again_after_its_time(rehearse: Rehearse) -> None:
    async with rehearse("drop-before:1") as it:
        start = it.clock()
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert result["deleted"] is True
        assert len(await it.deletes()) == 2
        assert it.clock() - start >= it.settings.policy.resend_after


async def test_reactivated_between_an_unanswered_call_and_the_next_one(rehearse: Rehearse) -> None:
    async with rehearse("drop-before:1") as it:
        receipt = await it.event()
        await it.advance(str(receipt.deletion_id))
        assert len(await it.deletes()) == 1
        back = await it.event(active=True)
        assert back.alert == "reactivated_after_call"
        result = await it.run(str(receipt.deletion_id))

        # The call was not answered: that it did nothing is never known for certain.
        assert [error["code"] for error in result["errors"]] == ["DeletionUnverified"]
        assert len(await it.deletes()) == 1


async def test_another_organization_than_asked_for_is_not_believed(rehearse: Rehearse) -> None:
    async with rehearse("wrong-organization") as it:
        receipt = await it.event(org_name="TestCompany")
        result = await it.run(str(receipt.deletion_id))

        assert [error["code"] for error in result["errors"]] == ["ITGlueConnectionError"]
        assert await it.deletes() == []


@pytest.mark.parametrize(
    ("change", "gates"),
    [
        ({"name": "Another Company"}, ["psa_name"]),
        ({"quick_notes": "#keep"}, ["protection", "blocking_tags"]),
        ({"my_glue_account_id": 7}, ["my_glue_account"]),
        ({"primary": True}, ["primary_organization"]),
    ],
)
async def test_what_moved_since_the_plan_is_judged_afresh(
    rehearse: Rehearse, change: dict[str, Any], gates: list[str]
) -> None:
    async with rehearse() as it:
        receipt = await it.event(org_name="TestCompany")
        deletion_id = str(receipt.deletion_id)
        held = await planned(it, deletion_id)
        await it.change(TEST_COMPANY, **change)
        later = await delete.run(held, it.context)
        await it.ledger.deletions.record(held, later, it.clock())
        it.clock.forward(seconds=61)
        result = await it.run(deletion_id)

        assert "plan_moved" in await it.journal(deletion_id)
        assert [error["message"].split(":")[0] for error in result["errors"]] == gates
        assert len(await it.deletes()) == (0 if gates else 1)


async def test_an_organization_that_was_made_anew_is_for_a_person(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        receipt = await it.event(org_name="TestCompany")
        held = await planned(it, str(receipt.deletion_id))
        await it.change(TEST_COMPANY, recreate=True)
        later = await delete.run(held, it.context)
        await it.ledger.deletions.record(held, later, it.clock())
        it.clock.forward(seconds=61)
        held = await it.advance(held.id)

        assert held.state == "awaiting_approval"
        assert held.asked is not None
        assert held.asked.why == "doubt"
        assert await it.deletes() == []


async def test_a_linked_organization_that_lost_its_link_is_not_deleted(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        receipt = await it.event()
        held = await planned(it, str(receipt.deletion_id))
        await it.change(TEST_COMPANY, psa=None)
        await it.ledger.deletions.record(held, await delete.run(held, it.context), it.clock())
        it.clock.forward(seconds=61)
        result = await it.run(str(receipt.deletion_id))

        assert [error["code"] for error in result["errors"]] == ["OrganizationNotFound"]
        assert await it.deletes() == []


async def test_ignored_filters_are_never_believed(rehearse: Rehearse) -> None:
    async with rehearse("ignore-filters") as it:
        receipt = await it.event(company="999")
        result = await it.run(str(receipt.deletion_id))
        assert [error["code"] for error in result["errors"]] == ["OrganizationNotFound"]
        nameless = await it.event(org_name=None)
        result = await it.run(str(nameless.deletion_id))
        assert [error["code"] for error in result["errors"]] == ["InvalidIdentifier"]
        assert await it.deletes() == []


async def test_a_revoked_key_after_the_call_is_not_success(rehearse: Rehearse) -> None:
    async with rehearse("lag=60") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        await it.advance(deletion_id)
        it.context = await it.connect(api_key="ITG.revoked")
        it.clock.forward(minutes=5)
        assert (await it.advance(deletion_id)).state == "verifying"
        it.context = await it.connect()
        assert (await it.run(deletion_id))["deleted"] is True


@pytest.mark.parametrize("held_by", ["a spool", "the quarantine"])
async def test_an_unanswered_call_is_reported_in_time(rehearse: Rehearse, held_by: str) -> None:
    async with rehearse() as it:
        deletion_id = str((await it.event()).deletion_id)
        await begin_and_die(it, deletion_id)
        if held_by == "a spool":
            await it.ledger.spools.beat(
                "spl_1", it.clock(), where="box:/spool", waiting=1, oldest=it.clock()
            )
        else:
            await it.ledger.store.redis.hset("unglue:quarantine:cw", "digest", "dlv_x")
        began = it.clock()
        result = await it.run(deletion_id, most=timedelta(hours=8))
        assert result["errors"][0]["code"] == "DeletionUnverified"
        assert it.clock() - began < it.settings.policy.verify_window + timedelta(hours=1)
        assert await it.deletes() == []


async def test_a_refused_call_leaves_the_organization_to_others(rehearse: Rehearse) -> None:
    async with rehearse("refuse-synced:1") as it:
        waiting = str((await it.event()).deletion_id)
        assert (await it.advance(waiting)).state == "awaiting_eligibility"
        result = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert (result["deleted"], result["errors"]) == (True, [])
        assert (await it.run(waiting))["deleted"] is False
        assert len(await it.deletes()) == 2


async def test_two_deletions_of_one_organization_send_one_delete(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        first = await it.ask(org_id=TEST_COMPANY)
        receipt = await it.event()
        await it.advance(first)
        second = await it.run(str(receipt.deletion_id))

        assert second["deleted"] is False
        assert (await it.run(first))["deleted"] is True
        assert len(await it.deletes()) == 1


async def test_a_deletion_that_ends_its_worker_three_times_is_parked(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        for _ in range(3):
            assert await it.ledger.deletions.lease(deletion_id, it.clock()) is not None
            it.clock.now += timedelta(seconds=61)
        result = await it.run(deletion_id)

        assert result["details"]["state"] == "failed"
        assert "parked" in result["errors"][0]["message"]


async def test_a_deletion_takes_at_most_the_requests_it_needs(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        receipt = await it.event()
        result = await it.run(str(receipt.deletion_id))
        requests = (await it.http.get("/_sandbox/requests")).json()["requests"]
        assert result["details"]["request_count"] == len(requests)


async def test_an_answer_that_names_another_one_stops_everything(rehearse: Rehearse) -> None:
    """A proxy between, or IT Glue, took the call for another organization's."""

    def another(method: str, _path: str, _status: int, content: Any) -> Any:
        if method != "DELETE":
            return None
        content["data"][0]["id"] = "202"
        return content

    making = rehearse("accept-and-do-nothing")
    making.in_front = Altered(another).in_front
    async with making as it:
        result = await it.run(await it.ask(org_id="301"))
        assert (result["deleted"], len(await it.deletes())) == (False, 1)
        (pause,) = await it.ledger.stop_switch.pauses()
        assert (pause.cause, "names 202" in pause.reason) == ("operator", True)
        assert "paused" in await notice_kinds(it.ledger)
        other = await it.advance(await it.ask(org_id="311"))
        assert other.waits_for == "paused"
        assert len(await it.deletes()) == 1
