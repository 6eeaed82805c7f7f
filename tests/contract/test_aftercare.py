"""A day later: an organization that the PSA's sync created anew is reported, not deleted."""

from dataclasses import replace

from tests.contract.conftest import Rehearse
from tests.support.ledgers import notice_kinds
from workers.upkeep.aftercare import look_back


async def test_a_recreated_organization_is_reported(rehearse: Rehearse) -> None:
    async with rehearse("recreate-after-sync=3600") as it:
        receipt = await it.event()
        deletion_id = str(receipt.deletion_id)
        assert (await it.run(deletion_id))["deleted"] is True
        assert await it.ledger.deletions.take_aftercare(it.clock.forward(hours=23)) == []
        ((due, _),) = await it.ledger.deletions.take_aftercare(it.clock.forward(hours=2))
        assert due == deletion_id

        await look_back(deletion_id, it.context)
        newest = (await it.ledger.views.of(deletion_id)).journal[-1]
        assert newest["entry"] == "recreated"
        assert len(await it.deletes()) == 1
        assert await it.ledger.deletions.take_aftercare(it.clock.forward(days=2)) == []


async def test_one_that_stays_gone_is_noted(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        deletion_id = await it.ask(org_id="308")
        await it.run(deletion_id)
        it.clock.forward(days=1)
        await look_back(deletion_id, it.context)
        # 309 has the same name and was there before.
        assert (await it.journal(deletion_id))[-1] == "still_gone"


async def test_the_same_one_that_is_there_again_is_told(rehearse: Rehearse) -> None:
    """A view that lagged, or IT Glue's support took it back: the result was wrong."""
    async with rehearse() as it:
        there = replace(it.world.organizations[308])
        deletion_id = await it.ask(org_id="308")
        assert (await it.run(deletion_id))["deleted"] is True
        it.world.organizations[308] = there
        it.clock.forward(days=1)
        await look_back(deletion_id, it.context)
        assert (await it.journal(deletion_id))[-1] == "shown_again"
        assert "shown_again" in await notice_kinds(it.ledger)
        assert len(await it.deletes()) == 1
