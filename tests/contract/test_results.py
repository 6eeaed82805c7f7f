"""Every row of the result table, through the real steps, ledger and client."""

from typing import Any

import pytest

from tests.contract.conftest import Rehearse
from tests.support.rehearsal import TEST_COMPANY

KEYS = {
    "success", "org_id", "org_name", "deleted", "timestamp", "dependency_check", "warnings",
    "errors", "details",
}  # fmt: skip


def outcome(result: dict[str, Any]) -> tuple[bool, bool, str, list[str]]:
    assert set(result) == KEYS
    assert set(result["dependency_check"]) == {
        "assets_found", "configs_found", "documents_found", "blocked", "other",
    }  # fmt: skip
    codes = [error["code"] for error in result["errors"]]
    return result["success"], result["deleted"], result["details"]["state"], codes


async def test_deleted_and_verified(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        receipt = await it.event()
        result = await it.run(str(receipt.deletion_id))

        assert outcome(result) == (True, True, "deleted", [])
        assert (result["org_id"], result["org_name"]) == (TEST_COMPANY, "TestCompany")
        assert result["dependency_check"]["assets_found"] == 0
        (call,) = await it.deletes()
        assert call["query"] in ("", {}, None)
        assert not await it.exists(TEST_COMPANY)


async def test_dry_run_deletes_nothing_and_says_what_would_block(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        result = await it.run(await it.ask(org_id="302", dry_run=True, confirm_delete=False))

        assert outcome(result) == (True, False, "previewed", [])
        check = result["dependency_check"]
        found = (check["assets_found"], check["configs_found"], check["documents_found"])
        assert found == (12, 4, 7)
        assert any("would block: dependencies" in warning for warning in result["warnings"])
        assert await it.deletes() == []


async def test_mode_preview_makes_everything_a_dry_run(rehearse: Rehearse) -> None:
    async with rehearse(mode="preview") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert outcome(result) == (True, False, "previewed", [])
        assert await it.deletes() == []


async def test_without_confirmation_it_is_blocked(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY, confirm_delete=False))

        assert outcome(result) == (False, False, "blocked", ["DeletionBlocked"])
        assert "confirm_delete" in result["errors"][0]["message"]
        assert await it.deletes() == []


async def test_every_refusing_gate_is_an_error_of_its_own(rehearse: Rehearse) -> None:
    async with rehearse(only_ids=["1"], protected_ids=["302"]) as it:
        result = await it.run(await it.ask(org_id="302"))

        assert outcome(result)[:3] == (False, False, "blocked")
        gates = [error["message"].split(":")[0] for error in result["errors"]]
        assert gates == ["protection", "only_ids", "protected_ids", "dependencies"]
        assert result["dependency_check"]["blocked"] is True


async def test_force_passes_the_dependencies_and_says_so(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        result = await it.run(await it.ask(org_id="302", force_delete=True))

        assert outcome(result) == (True, True, "deleted", [])
        assert any("passed by force_delete" in warning for warning in result["warnings"])


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"org_id": "999"}, "OrganizationNotFound", "no organization"),
        ({"org_name": "Nobody Knows"}, "OrganizationNotFound", "no organization"),
        ({"org_name": "testcompany"}, "InvalidIdentifier", "differ only in"),
        ({"org_name": "Saffron Bicycle Repair"}, "InvalidIdentifier", "308 "),
        ({"org_id": "301", "org_name": "Paper Moon Cinema"}, "InvalidIdentifier", "same one"),
    ],
)
async def test_nothing_or_several_match(
    rehearse: Rehearse, fields: dict[str, str], code: str, says: str
) -> None:
    async with rehearse() as it:
        result = await it.run(await it.ask(**fields))

        assert outcome(result) == (False, False, "failed", [code])
        assert says in result["errors"][0]["message"]
        assert await it.deletes() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"org_name": "Moss, Fern and Partners"},
        {"org_id": "310"},
        {"org_id": "310", "org_name": "Moss, Fern and Partners"},
    ],
)
async def test_one_identifier_or_two_that_agree(rehearse: Rehearse, fields: dict[str, str]) -> None:
    async with rehearse() as it:
        result = await it.run(await it.ask(**fields))
        assert (result["deleted"], result["org_id"]) == (True, "310")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_fails_at_once(rehearse: Rehearse, status: int) -> None:
    async with rehearse(f"forbid=all,{status}") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert outcome(result) == (False, False, "failed", ["PermissionDenied"])
        assert (await it.journal("del_api1")).count("attempt") == 0


async def test_a_kind_that_may_not_be_read_blocks(rehearse: Rehearse) -> None:
    async with rehearse("forbid=documents,403") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert outcome(result) == (False, False, "blocked", ["DeletionBlocked"])
        assert result["dependency_check"]["documents_found"] is None
        assert any("documents" in warning for warning in result["warnings"])


@pytest.mark.parametrize("fault", ["html", "429", "drop-before@GET"])
async def test_unreachable_after_all_attempts(rehearse: Rehearse, fault: str) -> None:
    async with rehearse(fault) as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert outcome(result) == (False, False, "failed", ["ITGlueConnectionError"])
        assert (await it.journal("del_api1")).count("attempt") == it.settings.worker.max_attempts


@pytest.mark.parametrize("fault", ["html:3", "429=7:3", "drop-before@GET:3"])
async def test_a_passing_fault_is_outlived(rehearse: Rehearse, fault: str) -> None:
    async with rehearse(fault) as it:
        assert outcome(await it.run(await it.ask(org_id=TEST_COMPANY)))[:2] == (True, True)


async def test_accepted_and_never_done_is_unverified(rehearse: Rehearse) -> None:
    async with rehearse("accept-and-do-nothing") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert outcome(result) == (False, False, "failed", ["DeletionUnverified"])
        assert len(await it.deletes()) == 1
        again = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert outcome(again) == (False, False, "blocked", ["DeletionBlocked"])
        assert len(await it.deletes()) == 1


async def test_a_slow_removal_is_waited_for(rehearse: Rehearse) -> None:
    async with rehearse("lag=3600") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        await it.advance(deletion_id)
        assert (await it.ledger.deletions.get(deletion_id)).state == "verifying"
        assert outcome(await it.run(deletion_id))[:2] == (True, True)


async def test_a_synced_organization_asked_for_by_api_is_blocked(rehearse: Rehearse) -> None:
    async with rehearse("refuse-synced") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert outcome(result) == (False, False, "blocked", ["DeletionBlocked"])
        assert "PSA" in result["errors"][0]["message"]


async def test_a_synced_one_asked_for_by_webhook_waits_then_goes(rehearse: Rehearse) -> None:
    async with rehearse("refuse-synced:2") as it:
        receipt = await it.event()
        deletion = await it.advance(str(receipt.deletion_id))
        assert (deletion.state, deletion.intent.state) == ("awaiting_eligibility", "refused")
        result = await it.run(deletion.id)
        assert outcome(result)[:2] == (True, True)
        assert len(await it.deletes()) == 3


async def test_a_status_that_lags_is_waited_for(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await it.change(TEST_COMPANY, status="Active")
        receipt = await it.event()
        deletion = await it.advance(str(receipt.deletion_id))
        assert deletion.state == "awaiting_eligibility"
        await it.change(TEST_COMPANY, status="Inactive")
        assert outcome(await it.run(deletion.id))[:2] == (True, True)


async def test_a_status_that_never_follows_blocks(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await it.change(TEST_COMPANY, status="Active")
        receipt = await it.event()
        start = it.clock()
        result = await it.run(str(receipt.deletion_id))

        assert outcome(result) == (False, False, "blocked", ["DeletionBlocked"])
        assert it.clock() - start >= it.settings.policy.eligibility_window


async def test_the_same_status_asked_for_by_api_blocks_at_once(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        deletion = await it.advance(await it.ask(org_id="202"))
        assert deletion.state == "blocked"


async def test_reactivated_before_the_call_is_cancelled(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        receipt = await it.event()
        await it.event(active=True)
        result = await it.run(str(receipt.deletion_id))

        assert outcome(result) == (False, False, "cancelled", ["Cancelled"])
        assert await it.deletes() == []


async def test_gone_before_we_acted_is_not_deleted(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        other = await it.run(await it.ask(org_id="310"))
        assert other["deleted"] is True
        receipt = await it.event(company="27", org_name="Moss, Fern and Partners")
        result = await it.run(str(receipt.deletion_id))

        assert outcome(result) == (False, False, "failed", ["OrganizationNotFound"])
