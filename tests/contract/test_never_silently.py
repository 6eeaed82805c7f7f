"""What a person may waive is put to a person, and what ends without a deletion is told."""

from datetime import timedelta
from typing import Any

import pytest

from service.sandbox.shapes import Holds
from tests.contract.conftest import Them
from tests.support.sources import Sources, account, changed
from workers.settings.policy import PolicySettings

FULL = Holds(flexible_assets={}, documents={"": 12}, configurations=40, passwords=25, contacts=3)


async def _ask(them: Sources, road: str) -> None:
    match road:
        case "cw":
            await them.cw()
        case "std":
            await them.std()
        case _:
            await them.ninja()


@pytest.mark.parametrize("road", ["cw", "std", "ninja"])
@pytest.mark.parametrize("approval", ["webhooks", "always"])
async def test_what_may_be_waived_is_asked(sources: Them, road: str, approval: str) -> None:
    async with sources(sandbox=account(holds=FULL), approval=approval) as them:
        await _ask(them, road)
        (found,) = await them.all_settled()
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert found.asked is not None
        assert found.asked.needs_force
        if road != "ninja" and approval == "webhooks":
            assert str(found.asked.why) == "dependencies"
        assert "approval_wanted" in await them.told()
        await them.approve(found, force=True)
        assert (await them.settle(found.id)).state == "deleted"


@pytest.mark.parametrize("kind", ["passwords", "contacts", "checklists", "configurations"])
async def test_every_kind_is_limited_by_default(sources: Them, kind: str) -> None:
    holds: dict[str, Any] = {kind: 1}
    async with sources(sandbox=account(holds=Holds(**holds))) as them:
        await them.cw()
        (found,) = await them.all_settled()
        await them.untouched()
        assert found.state == "awaiting_approval"


async def test_a_mis_click_is_not_final_at_once(sources: Them) -> None:
    """What is written down counts; nothing written is a day."""
    async with sources() as them:
        policy = PolicySettings(export=False)
        them.it.set_settings(them.settings.model_copy(update={"policy": policy}))
        await them.cw()
        (name,) = await them.open()
        found = await them.settle(name, until="scheduled")
        assert found.state == "scheduled"
        assert found.ready_at - them.it.clock() >= timedelta(hours=23)
        await them.untouched()


@pytest.mark.parametrize("road", ["cw", "std"])
async def test_a_block_is_told(sources: Them, road: str) -> None:
    async with sources(sandbox=account(status="Active"), eligibility_window="24h") as them:
        await _ask(them, road)
        (found,) = await them.all_settled()
        assert found.state == "blocked"
        assert "blocked" in await them.told()


async def test_an_approval_that_expires_is_told(sources: Them) -> None:
    async with sources(approval_ttl="2h") as them:
        them.configure(changed("cw", confirm_delete=False))
        await them.cw()
        (name,) = await them.open()
        result = await them.it.run(name)
        assert result["details"]["state"] == "cancelled"
        assert "expired" in await them.told()
