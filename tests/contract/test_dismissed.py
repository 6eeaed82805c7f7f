"""A hold that a person ended: what waited goes on, and what holds anew waits again."""

from datetime import timedelta

import pytest

from adapters.errors import SigningKeyUnavailable
from tests.contract.conftest import Them
from tests.support.sources import Sources

# Longer than a held deletion waits before it asks again, shorter than anything gives up.
HOLDS = timedelta(hours=3)


async def _dismiss(them: Sources, *names: str) -> None:
    said = await them.it.ledger.deliveries.dismiss(
        names, operator="carol", reason="they tried it out", now=them.it.clock()
    )
    assert set(said.values()) == {"dismissed"}


@pytest.mark.parametrize("what", ["not_understood", "unproved"])
async def test_it_is_held_until_a_person_dismisses_it(sources: Them, what: str) -> None:
    async with sources(grace_period="1h") as them:
        name = str((await them.cw()).strongest.deletion_id)
        if what == "unproved":
            them.keys.answer = SigningKeyUnavailable
        held = await them.cw({"id": 1} if what == "not_understood" else "Active")
        await them.settle(name, most=HOLDS)
        await them.untouched()

        await _dismiss(them, held.delivery_id)
        assert (await them.settle(name)).state == "deleted"
        assert len(await them.it.deletes()) == 1


async def test_one_dismissed_of_two_still_holds(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        name = str((await them.cw()).strongest.deletion_id)
        first, second = [(await them.cw({"id": 1})).delivery_id for _ in range(2)]
        await _dismiss(them, first)
        await them.settle(name, most=HOLDS)
        await them.untouched()
        await _dismiss(them, second)
        assert (await them.settle(name)).state == "deleted"


async def test_a_reactivation_after_a_dismissal_counts(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        name = str((await them.cw()).strongest.deletion_id)
        await _dismiss(them, (await them.cw({"id": 1})).delivery_id)
        await them.cw("Active")
        assert (await them.settle(name)).state == "cancelled"
        await them.untouched()
