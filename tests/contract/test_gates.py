"""Every gate, through the real pipeline: it refuses, and nothing is sent."""

from typing import Any

import pytest

from tests.contract.conftest import Rehearse
from tests.support.altered import Altered


@pytest.mark.parametrize(
    ("gate", "org_id", "policy"),
    [
        ("primary_organization", "101", {"eligible_statuses": []}),
        ("sub_organizations", "303", {}),
        ("sub_organizations", "304", {}),
        ("my_glue_account", "306", {}),
        ("only_ids", "301", {"only_ids": ["302"]}),
        ("protected_ids", "301", {"protected_ids": ["301"]}),
        ("protected_names", "301", {"protected_names": ["TEST*"]}),
        ("eligible_statuses", "202", {}),
        ("eligible_types", "301", {"eligible_types": ["Vendor"]}),
        ("required_tags", "301", {"required_tags": ["#offboarded"]}),
        ("blocking_tags", "307", {}),
        ("protected_types", "301", {"protected_types": ["Customer"]}),
        ("psa_synced", "301", {"block_psa_synced": True}),
        ("dependencies", "302", {}),
    ],
)
@pytest.mark.parametrize("force", [False, True])
async def test_the_gate_refuses(
    rehearse: Rehearse, gate: str, org_id: str, policy: dict[str, Any], *, force: bool
) -> None:
    async with rehearse(**policy) as it:
        result = await it.run(await it.ask(org_id=org_id, force_delete=force))

        if gate == "dependencies" and force:
            assert result["deleted"] is True
            return
        refused = [error["message"].split(":")[0] for error in result["errors"]]
        assert gate in refused
        assert result["details"]["state"] == "blocked"
        assert await it.deletes() == []
        assert await it.exists(org_id)


async def test_the_list_knows_that_it_is_the_primary_one(rehearse: Rehearse) -> None:
    """Though the organization itself does not say so."""

    def said(_method: str, path: str, _status: int, content: Any) -> Any:
        if path.startswith("/organizations/101?"):
            del content["data"]["attributes"]["primary"]
            return content
        return None

    making = rehearse(eligible_statuses=[])
    making.in_front = Altered(said).in_front
    async with making as it:
        result = await it.run(await it.ask(org_id="101", force_delete=True))
        assert result["errors"][0]["message"].startswith("primary_organization: ")
        assert await it.deletes() == []


@pytest.mark.parametrize(("days", "refused"), [(30, True), (2, False)])
async def test_lately_changed_is_not_idle(rehearse: Rehearse, days: int, *, refused: bool) -> None:
    async with rehearse(min_idle_days=days) as it:
        await it.change("301", alert="looked at")
        it.clock.forward(days=3)
        result = await it.run(await it.ask(org_id="301"))
        gates = [error["message"].split(":")[0] for error in result["errors"]]
        assert gates == (["min_idle_days"] if refused else [])


async def test_an_activity_that_may_not_be_read_blocks(rehearse: Rehearse) -> None:
    async with rehearse("forbid=user_metrics,403", min_idle_days=30) as it:
        result = await it.run(await it.ask(org_id="301"))
        assert "could not be read" in result["errors"][0]["message"]
        assert await it.deletes() == []


async def test_a_psa_name_that_differs_blocks(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        receipt = await it.event(org_name="Another Company")
        result = await it.run(str(receipt.deletion_id))

        assert [error["message"].split(":")[0] for error in result["errors"]] == ["psa_name"]
        assert await it.deletes() == []


async def test_a_tag_beyond_what_lists_show_is_seen(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await it.change("301", **{"quick-notes": "x" * 260 + " #keep"})
        receipt = await it.event()
        result = await it.run(str(receipt.deletion_id))

        gates = [error["message"].split(":")[0] for error in result["errors"]]
        assert gates == ["protection", "blocking_tags"]
        assert await it.deletes() == []


@pytest.mark.parametrize(
    ("gate", "lacks"),
    [
        ("protected_types", "organization-type-name"),
        ("blocking_tags", "quick-notes"),
        ("blocking_tags", "alert"),
        ("blocking_tags", "description"),
    ],
)
async def test_what_it_glue_does_not_state_is_not_nothing(
    rehearse: Rehearse, gate: str, lacks: str
) -> None:
    """The text with the tag, or the name of the type, is left out and not null."""

    def said(_method: str, path: str, _status: int, content: Any) -> Any:
        if path.startswith("/organizations"):
            rows = content.get("data") or []
            for row in rows if isinstance(rows, list) else [rows]:
                row["attributes"].pop(lacks, None)
        return content

    making = rehearse(protected_types=["Customer"] if gate == "protected_types" else [])
    making.in_front = Altered(said).in_front
    async with making as it:
        if gate == "blocking_tags":
            await it.change("301", **{lacks.replace("-", "_"): "#keep"})
        result = await it.run(await it.ask(org_id="301", force_delete=True))
        assert any(each["message"].startswith(f"{gate}: ") for each in result["errors"])
        assert await it.deletes() == []
