"""Soft deletion: the inactive status instead of a DELETE."""

from tests.contract.conftest import Rehearse

EMPTY = "311"


async def test_the_status_is_set_and_nothing_is_deleted(rehearse: Rehearse) -> None:
    async with rehearse(mode="soft_delete") as it:
        await it.change(EMPTY, status="Active")
        result = await it.run(await it.ask(org_id=EMPTY))

        assert (result["success"], result["deleted"]) == (True, False)
        assert result["details"]["state"] == "soft_deleted"
        world = (await it.http.get("/_sandbox/world")).json()["organizations"]
        assert next(each["status"] for each in world if each["id"] == EMPTY) == "Inactive"
        assert await it.deletes() == []


async def test_a_synced_organization_is_explained(rehearse: Rehearse) -> None:
    async with rehearse(mode="soft_delete") as it:
        result = await it.run(await it.ask(org_id="301"))

        assert result["details"]["state"] == "blocked"
        assert "PSA" in result["errors"][0]["message"]


async def test_a_status_that_the_account_lacks_blocks(rehearse: Rehearse) -> None:
    async with rehearse(mode="soft_delete", soft_delete_status="Gone") as it:
        result = await it.run(await it.ask(org_id=EMPTY))
        assert "'Gone'" in result["errors"][0]["message"]


async def test_every_other_gate_is_asked(rehearse: Rehearse) -> None:
    async with rehearse(mode="soft_delete", protected_ids=[EMPTY]) as it:
        result = await it.run(await it.ask(org_id=EMPTY))
        refused = [error["message"].partition(":")[0] for error in result["errors"]]
        assert refused == ["protection", "protected_ids"]


async def test_a_passing_fault_is_outlived(rehearse: Rehearse) -> None:
    async with rehearse("drop-after@PATCH:1", mode="soft_delete") as it:
        result = await it.run(await it.ask(org_id=EMPTY))
        assert result["details"]["state"] == "soft_deleted"
