"""A hold that a person ended: what waited goes on, and what holds anew waits again."""

import json
from datetime import timedelta

import pytest

from adapters.errors import SignatureInvalid, SigningKeyUnavailable
from tests.contract.conftest import Them
from tests.support.sources import CW, SOURCES, Sources, changed, created
from workers.intake.signing_keys import KeyUnknown

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


@pytest.mark.parametrize(
    ("then", "minutes"),
    [("forgotten", 15), ("another key", 15), ("another origin", 1), ("another company", 1)],
)
async def test_a_key_that_does_not_fit_later_shows_no_forgery(
    sources: Them, then: str, minutes: int
) -> None:
    """A vendor changes and forgets its keys, and a person changes the file."""
    async with sources(grace_period="48h") as them:
        name = (await them.in_grace(await created(them.cw()))).id
        them.keys.answer = SigningKeyUnavailable
        sent = (await them.cw("Active")).delivery_id
        them.it.clock.forward(minutes=minutes)
        them.keys.answer = SignatureInvalid if then == "forgotten" else "another key"
        if then == "another origin":
            them.configure(changed("cw", key_origin="https://keys.example.com"))
        if then == "another company":
            them.configure({**SOURCES, "cw": {**CW, "company": "Cobalt2"}})
        assert await them.intake.release(sent) is None

        them.configure(SOURCES)
        await them.settle(name)
        await them.untouched()
        assert ("unproved_event" in await them.told()) == (minutes == 15)
        await _dismiss(them, sent)
        assert (await them.settle(name)).state == "deleted"


async def test_what_comes_again_unproved_is_as_new_as_its_last_time(sources: Them) -> None:
    """Active, inactive, and active in the same bytes, while nobody can prove any of them."""
    async with sources() as them:
        them.keys.answer = SigningKeyUnavailable
        kept = []
        for status in ("Active", "Inactive", "Active"):
            body = them.callback(status, at=None, MessageId=None)
            entity = json.dumps({"id": 250, "name": "Violet", "status": {"id": 2, "name": status}})
            body = json.dumps({**json.loads(body), "Entity": entity}).encode()
            kept.append((await them.send("cw", body)).delivery_id)
            them.it.clock.forward(minutes=1)
        assert kept[0] == kept[2]
        them.keys.answer = "the key"
        for each in kept[:2]:
            await them.intake.release(each)
        assert await them.open() == []
        await them.untouched()


@pytest.mark.parametrize("after", ["known", "unknown"])
async def test_a_key_server_that_has_just_come_back_is_asked_once_more(
    sources: Them, after: str
) -> None:
    """Before it has all of its keys it may say of each that there is none."""
    async with sources(grace_period="48h") as them:
        name = (await them.in_grace(await created(them.cw()))).id
        them.keys.answer = SigningKeyUnavailable
        sent = (await them.cw("Active")).delivery_id
        them.keys.answer = KeyUnknown
        assert await them.intake.release(sent) is None
        assert (await them.it.ledger.deliveries.get(sent)).reason == "signing_key_unknown"
        if after == "known":
            them.keys.answer = "the key"
        await them.intake.release(sent)
        found = await them.settle(name)
        assert found.state == ("cancelled" if after == "known" else "deleted")
