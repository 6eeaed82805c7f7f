"""A deletion waits for a person: who is asked, what the approval covers, and what ends it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import Conflict, RoleMissing
from adapters.models import DeletionRequest
from tests.contract.conftest import Rehearse
from tests.support.deletions import approved
from tests.support.rehearsal import NO_LIMITS, TEST_COMPANY, Rehearsal
from workers.ledger.bulk.sweeps import Row, Sweep
from workers.ledger.deleting.deletions import Change, Fenced
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.result import result_of
from workers.pipeline.steps.approve import hold
from workers.pipeline.steps.facts import make_plan
from workers.pipeline.steps.plan import decide
from workers.settings import Settings

DOCUMENTS = "302"


async def asked_by_webhook(it: Rehearsal, **fields: Any) -> Deletion:
    receipt = await it.event(**{"confirm_delete": False, **fields})
    return await it.advance(str(receipt.deletion_id))


async def lines(it: Rehearsal, deletion_id: str, entry: str) -> list[dict[str, Any]]:
    journal = (await it.ledger.views.of(deletion_id)).journal
    return [line for line in journal if line["entry"] == entry]


async def notices(it: Rehearsal) -> list[dict[str, Any]]:
    found = []
    for notice_id in await it.ledger.notices.due(it.clock()):
        notice = await it.ledger.notices.get(notice_id)
        await it.ledger.notices.fan_out(notice_id, [], it.clock())
        found.append({"kind": notice.kind, **notice.detail})
    return found


async def test_an_unconfirmed_webhook_waits_and_goes_when_approved(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await asked_by_webhook(it)
        assert (held.state, held.asked and held.asked.why) == ("awaiting_approval", "unconfirmed")
        assert await it.deletes() == []
        (notice,) = await notices(it)
        assert notice == {"kind": "approval_wanted", "deletion_id": held.id}

        await approved(it.ledger, held, it.clock())
        assert (await it.ledger.deletions.get(held.id)).state == "queued"
        result = await it.run(held.id)
        assert (result["deleted"], result["org_id"]) == (True, TEST_COMPANY)
        assert result["details"]["approval"]["by"] == "carol"
        assert len(await it.deletes()) == 1


@pytest.mark.parametrize(
    ("approval", "fields", "state"),
    [
        ("webhooks", {"confirm_delete": True}, "deleted"),
        ("never", {"confirm_delete": True}, "deleted"),
        ("never", {"confirm_delete": False}, "blocked"),
        ("always", {"confirm_delete": True}, "awaiting_approval"),
        ("always", {"confirm_delete": False}, "awaiting_approval"),
        ("always", {"dry_run": True}, "previewed"),
        ("webhooks", {"confirm_delete": False, "dry_run": True}, "previewed"),
    ],
)
async def test_who_is_asked_about_a_webhook(
    rehearse: Rehearse, approval: str, fields: dict[str, bool], state: str
) -> None:
    async with rehearse(approval=approval) as it:
        held = await asked_by_webhook(it, **fields)
        if held.state == "verifying":
            held = await it.ledger.deletions.get(held.id)
            await it.run(held.id)
        assert (await it.ledger.deletions.get(held.id)).state == state


@pytest.mark.parametrize(
    ("approval", "confirm", "state"),
    [
        ("webhooks", True, "deleted"),
        ("webhooks", False, "blocked"),
        ("always", True, "awaiting_approval"),
        # Who asks by request confirms there, or it is not confirmed.
        ("always", False, "blocked"),
    ],
)
async def test_who_is_asked_about_a_request(
    rehearse: Rehearse, approval: str, *, confirm: bool, state: str
) -> None:
    async with rehearse(approval=approval) as it:
        held = await it.advance(await it.ask(org_id=TEST_COMPANY, confirm_delete=confirm))
        if held.state == "verifying":
            await it.run(held.id)
        assert (await it.ledger.deletions.get(held.id)).state == state


SOURCE = {
    "vendor": "connectwise",
    "host": "na.myconnectwise.net",
    "company": "Cobalt",
    "confirm_delete": True,
}


def with_source(it: Rehearsal, **source: Any) -> None:
    tables = it.settings.model_dump(exclude={"sources"}, exclude_unset=True)
    it.set_settings(Settings(**tables, sources={"cw": {**SOURCE, **source}}))


@pytest.mark.parametrize(
    ("policy", "source", "state"),
    [
        ("never", "always", "awaiting_approval"),
        ("never", "webhooks", "awaiting_approval"),
        ("always", "never", "blocked"),
        ("always", None, "awaiting_approval"),
    ],
)
async def test_a_source_overrides(
    rehearse: Rehearse, policy: str, source: str | None, state: str
) -> None:
    async with rehearse(approval=policy) as it:
        with_source(it, **({"approval": source} if source else {}))
        assert (await asked_by_webhook(it)).state == state


async def test_the_requester_may_not_approve(rehearse: Rehearse) -> None:
    async with rehearse(approval="always") as it:
        held = await it.advance(await it.ask(org_id=TEST_COMPANY))
        with pytest.raises(RoleMissing, match="another operator"):
            await approved(it.ledger, held, it.clock(), "alice")
        assert (await it.ledger.deletions.get(held.id)).state == "awaiting_approval"
        await it.ledger.store.redis.hset(
            it.ledger.store.key("deletion", held.id), "replayed_by", "carol"
        )
        with pytest.raises(RoleMissing, match="another operator"):
            await approved(it.ledger, held, it.clock(), "carol")
        await approved(it.ledger, held, it.clock(), "bob")
        assert (await it.run(held.id))["deleted"] is True


async def test_an_approver_may_grant_force(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await asked_by_webhook(it, company="21", org_name="Paper Moon Cinema")
        assert (held.state, held.asked and held.asked.needs_force) == ("awaiting_approval", True)
        with pytest.raises(Conflict, match="approve it with force_delete"):
            await approved(it.ledger, held, it.clock())
        await approved(it.ledger, held, it.clock(), force=True)
        result = await it.run(held.id)
        assert (result["deleted"], result["org_id"]) == (True, DOCUMENTS)
        assert any("passed by force_delete" in warning for warning in result["warnings"])


@pytest.mark.parametrize("force", [False, True])
async def test_who_asked_may_have_forced_it_already(rehearse: Rehearse, *, force: bool) -> None:
    async with rehearse(approval="always") as it:
        held = await it.advance(await it.ask(org_id=DOCUMENTS, force_delete=True))
        assert held.asked is not None
        assert not held.asked.needs_force
        await approved(it.ledger, held, it.clock(), force=force)
        result = await it.run(held.id)
        assert result["deleted"] is True
        assert result["details"]["approval"]["force_delete"] is False


async def test_nobody_can_grant_what_is_absolute(rehearse: Rehearse) -> None:
    async with rehearse(protected_ids=[DOCUMENTS]) as it:
        held = await asked_by_webhook(it, company="21", org_name="Paper Moon Cinema")
        assert held.state == "blocked"
        gates = [error.message.split(":")[0] for error in held.errors]
        assert {"protected_ids", "dependencies"} <= set(gates)
        with pytest.raises(Conflict):
            await it.ledger.approvals.approve(
                held, seen="", operator="carol", force=True, reason="", now=it.clock()
            )


async def test_a_lagging_status_is_waited_for_before_anybody_is_asked(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await it.change(DOCUMENTS, status="Active")
        held = await asked_by_webhook(it, company="21", org_name="Paper Moon Cinema")
        assert held.state == "awaiting_eligibility"
        await it.change(DOCUMENTS, status="Inactive")
        it.clock.now = held.ready_at
        assert (await it.advance(held.id)).state == "awaiting_approval"


async def test_more_than_was_shown_voids_the_approval_and_is_told(rehearse: Rehearse) -> None:
    async with rehearse(dependency_limits={**NO_LIMITS, "assets": 5}) as it:
        held = await asked_by_webhook(it)
        await approved(it.ledger, held, it.clock())
        it.clock.forward(minutes=1)
        it.fill(TEST_COMPANY, "flexible-assets", 2)
        again = await it.advance(held.id)
        assert again.state == "awaiting_approval"
        assert again.granted is None
        assert again.asked is not None
        assert again.asked.moved == ("flexible assets: 0 → 2",)
        (line,) = await lines(it, held.id, "approval_voided")
        assert (line["approved_by"], line["moved"]) == ("carol", ["flexible assets: 0 → 2"])
        # The plan's digest is the same; what was seen is not.
        assert held.plan is not None
        assert again.plan is not None
        assert held.plan.digest == again.plan.digest
        with pytest.raises(Conflict, match="not what you were shown"):
            await approved(it.ledger, held, it.clock())
        assert len(await notices(it)) == 2
        await approved(it.ledger, again, it.clock())
        assert (await it.run(held.id))["deleted"] is True


async def test_what_grew_since_is_exported_again(rehearse: Rehearse, tmp_path: Path) -> None:
    policy = {"export": True, "export_dir": str(tmp_path), "dependency_limits": NO_LIMITS}
    async with rehearse(**policy) as it:
        held = await asked_by_webhook(it)
        await approved(it.ledger, held, it.clock())
        held = await it.advance(held.id)
        assert held.state == "exporting"
        it.fill(TEST_COMPANY, "flexible-assets", 2)
        while held.state == "exporting":
            it.clock.now = held.ready_at
            held = await it.advance(held.id)
        assert (held.state, held.export) == ("awaiting_approval", None)
        await approved(it.ledger, held, it.clock())
        assert (await it.run(held.id))["deleted"] is True
        assert (await it.journal(held.id)).count("exported") == 2


async def test_another_name_voids_the_approval(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await asked_by_webhook(it, org_name=None)
        await approved(it.ledger, held, it.clock())
        await it.change(TEST_COMPANY, name="Another Company")
        again = await it.advance(held.id)
        assert (again.state, again.granted) == ("awaiting_approval", None)
        assert again.asked is not None
        assert again.asked.moved == (
            "name: 'TestCompany' → 'Another Company'",
            "gate identity: pass → ask",
        )


async def test_less_than_was_shown_keeps_it(rehearse: Rehearse) -> None:
    async with rehearse(dependency_limits={**NO_LIMITS, "assets": 5}) as it:
        it.fill(TEST_COMPANY, "flexible-assets", 2)
        held = await asked_by_webhook(it)
        await approved(it.ledger, held, it.clock())
        it.fill(TEST_COMPANY, "flexible-assets", 0)
        assert (await it.run(held.id))["deleted"] is True


async def test_it_expires_after_two_reminders(rehearse: Rehearse) -> None:
    async with rehearse(approval_ttl="8d") as it:
        held = await asked_by_webhook(it)
        asked_at = it.clock()
        seen = []
        while not held.terminal:
            told = [notice.get("reminder") for notice in await notices(it)]
            seen.append(((it.clock() - asked_at) / timedelta(days=1), told))
            it.clock.now = held.ready_at
            held = await it.advance(held.id)
        assert seen == [(0.0, [None]), (4.0, [1]), (7.0, [2])]
        assert it.clock() - asked_at == timedelta(days=8)
        (error,) = held.errors
        assert (held.state, error.code) == ("cancelled", "Cancelled")
        assert "nobody approved it within 8 days" in error.message
        assert await it.journal(held.id) == [
            "created", "planned", "approval_wanted", "approval_reminded", "approval_reminded",
            "approval_expired", "ended",
        ]  # fmt: skip
        # The client is still inactive: its next event asks anew.
        receipt = await it.event(confirm_delete=False)
        assert receipt.verdict == "accepted"


@pytest.mark.parametrize("state", ["awaiting_approval", "cancelled"])
async def test_an_approval_wins_over_a_reminder_or_expiry(rehearse: Rehearse, state: str) -> None:
    async with rehearse() as it:
        shown = await asked_by_webhook(it)
        it.clock.now = shown.ready_at
        held = await it.ledger.deletions.lease(shown.id, it.clock())
        assert held is not None
        await approved(it.ledger, held, it.clock())
        late = Change(state, ready_at=it.clock() + timedelta(days=1))
        with pytest.raises(Fenced):
            await it.ledger.deletions.record(held, late, it.clock())
        assert (await it.run(shown.id))["deleted"] is True


async def reject(it: Rehearsal, deletion_id: str) -> None:
    error = ErrorEntry("Cancelled", "rejected by operator carol: they pay again", "")
    await it.ledger.approvals.reject(
        deletion_id, operator="carol", reason="they pay again", error=error, now=it.clock()
    )


async def test_a_rejection_holds_until_the_client_was_active_again(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await asked_by_webhook(it)
        await reject(it, held.id)
        ended = await it.ledger.deletions.get(held.id)
        result = result_of(ended)
        assert (ended.state, result["success"], result["deleted"]) == ("cancelled", False, False)
        assert [error["code"] for error in result["errors"]] == ["Cancelled"]
        assert (await it.event()).reason == "cancelled_by_operator"
        # The same again is the same rejection; nothing else can be decided any more.
        await reject(it, held.id)
        with pytest.raises(Conflict, match="has ended"):
            await approved(it.ledger, held, it.clock())
        assert (await it.journal(held.id)).count("rejected") == 1
        await it.event(active=True)
        it.clock.forward(seconds=1)
        assert (await it.event()).verdict == "accepted"


async def test_a_reactivation_ends_the_waiting(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await asked_by_webhook(it)
        await it.event(active=True)
        assert (await it.ledger.deletions.get(held.id)).state == "cancelled"
        with pytest.raises(Conflict, match="has ended"):
            await approved(it.ledger, held, it.clock())


async def test_a_client_that_came_back_after_the_approval_stays(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await asked_by_webhook(it)
        await approved(it.ledger, held, it.clock())
        await it.event(active=True)
        assert (await it.run(held.id))["details"]["state"] == "cancelled"
        assert await it.deletes() == []


async def test_settings_that_ask_nobody_any_more(rehearse: Rehearse) -> None:
    """What waits for a person waits on; to replay it is to ask under the settings of now."""
    async with rehearse(approval="always") as it:
        held = await asked_by_webhook(it, confirm_delete=True)
        it.reconfigure(approval="never")
        result = await it.run(held.id, most=timedelta(days=9))
        assert result["details"]["state"] == "cancelled"
        assert await it.deletes() == []
        await it.replay(held.id)
        assert (await it.run(held.id))["deleted"] is True


async def test_settings_that_begin_to_ask(rehearse: Rehearse) -> None:
    async with rehearse(approval="never", export=False) as it:
        receipt = await it.event(confirm_delete=True)
        held = await it.ledger.deletions.lease(str(receipt.deletion_id), it.clock())
        assert held is not None
        it.reconfigure(approval="always")
        it.clock.forward(minutes=5)
        assert (await it.advance(held.id)).state == "awaiting_approval"


async def test_soft_delete_asks_as_well(rehearse: Rehearse) -> None:
    async with rehearse(mode="soft_delete", approval="always") as it:
        await it.change("311", status="Active")
        held = await it.advance(await it.ask(org_id="311"))
        assert held.state == "awaiting_approval"
        await approved(it.ledger, held, it.clock())
        assert (await it.run(held.id))["details"]["state"] == "soft_deleted"


async def test_a_limit_holds_what_was_approved_for_something_else(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await asked_by_webhook(it, company="21", org_name="Paper Moon Cinema")
        await approved(it.ledger, held, it.clock(), force=True)
        now = it.clock()
        taken = await it.ledger.deletions.lease(held.id, now)
        assert taken is not None
        plan, known = await make_plan(taken, it.context)
        assert "forced" in {answer.verdict for answer in plan.answers}
        taken = await it.ledger.deletions.record(
            taken, decide(taken, plan, known, it.settings, now), now
        )
        assert taken.step == "delete"
        held = await it.ledger.deletions.record(taken, hold(taken, it.context), now)

        assert (held.state, held.granted) == ("awaiting_approval", None)
        assert held.asked is not None
        assert (held.asked.why, held.asked.needs_force) == ("limit", True)
        # Whatever the settings say: it was held by a limit.
        it.reconfigure(approval="never")
        with pytest.raises(Conflict, match="force_delete"):
            await approved(it.ledger, held, it.clock())
        await approved(it.ledger, held, it.clock(), force=True)
        granted = (await it.ledger.deletions.get(held.id)).granted
        assert granted is not None
        assert granted.passes == "limit"
        assert (await it.run(held.id))["deleted"] is True


async def test_a_schedules_deletion_that_nobody_confirmed_waits(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        row = Row(TEST_COMPANY, "TestCompany", "Inactive")
        sweep = await opened(it, by="bob")
        request = DeletionRequest(org_id=TEST_COMPANY)
        deletion_id, _ = await it.ledger.sweeps.request(
            sweep, row, "del_swept", request, "", it.clock(), "delete"
        )
        held = await it.advance(deletion_id)
        assert (held.state, set(held.requesters)) == ("awaiting_approval", {"bob"})
        with pytest.raises(RoleMissing):
            await approved(it.ledger, held, it.clock(), "bob")
        await approved(it.ledger, held, it.clock())
        assert (await it.run(held.id))["deleted"] is True


async def opened(it: Rehearsal, *, by: str) -> Sweep:
    """A sweep that this person began."""
    await it.ledger.sweeps.begin("swp_1", "monthly", by=by, preview=False, now=it.clock())
    return await it.ledger.sweeps.get("swp_1")


@pytest.mark.parametrize(("minutes", "approves"), [(-10, True), (59, True), (60, False)])
async def test_a_clock_unlike_workers(rehearse: Rehearse, *, minutes: int, approves: bool) -> None:
    async with rehearse(approval_ttl="1h") as it:
        held = await asked_by_webhook(it)
        worker = it.clock()
        it.clock.forward(minutes=minutes)
        if not approves:
            with pytest.raises(Conflict, match="not approved in time"):
                await approved(it.ledger, held, it.clock())
            return
        await approved(it.ledger, held, it.clock())
        it.clock.now = worker
        assert (await it.run(held.id, most=timedelta(hours=2)))["deleted"] is True


async def lagged_at_first(it: Rehearsal, **fields: Any) -> Deletion:
    """One whose status followed the PSA's late, and that now waits for something else."""
    await it.change(TEST_COMPANY, status="Active")
    held = await asked_by_webhook(it, **fields)
    assert held.state == "awaiting_eligibility"
    it.clock.now = held.ready_at
    await it.change(TEST_COMPANY, status="Inactive")
    return await it.advance(held.id)


async def blocked_after(it: Rehearsal, deletion_id: str) -> timedelta:
    """How long it goes on without anybody doing anything."""
    start = it.clock()
    result = await it.run(deletion_id, most=timedelta(days=20))
    assert result["details"]["state"] == "blocked"
    return it.clock() - start


async def test_a_lagging_status_is_waited_for_after_an_approval(rehearse: Rehearse) -> None:
    async with rehearse(eligibility_window="2h") as it:
        held = await lagged_at_first(it)
        assert held.state == "awaiting_approval"
        it.clock.forward(days=3)
        await approved(it.ledger, held, it.clock())
        await it.change(TEST_COMPANY, status="Active")
        # The approval is void: somebody is asked again once the status has followed.
        assert (await it.advance(held.id)).state == "awaiting_eligibility"
        await it.change(TEST_COMPANY, status="Inactive")
        it.clock.forward(hours=1)
        again = await it.advance(held.id)
        assert (again.state, again.granted) == ("awaiting_approval", None)
        it.clock.forward(days=3)
        await approved(it.ledger, again, it.clock())
        await it.change(TEST_COMPANY, status="Active")
        assert await blocked_after(it, held.id) == timedelta(hours=2)


@pytest.mark.parametrize("confirmed", [True, False])
async def test_what_is_synced_late_is_waited_for(rehearse: Rehearse, *, confirmed: bool) -> None:
    async with rehearse("refuse-synced:2", grace_period="48h", eligibility_window="2h") as it:
        held = await lagged_at_first(it, confirm_delete=confirmed)
        if not confirmed:
            it.clock.forward(days=3)
            await approved(it.ledger, held, it.clock())
            held = await it.advance(held.id)
        assert held.state == "scheduled"
        it.clock.now = held.ready_at
        assert (await it.advance(held.id)).state == "awaiting_eligibility"
        assert (await it.run(held.id))["deleted"] is True


async def test_what_stays_synced_is_not_waited_for_for_ever(rehearse: Rehearse) -> None:
    async with rehearse("refuse-synced", grace_period="48h", eligibility_window="2h") as it:
        held = await lagged_at_first(it, confirm_delete=True)
        assert held.state == "scheduled"
        assert await blocked_after(it, held.id) == timedelta(hours=48 + 2)
