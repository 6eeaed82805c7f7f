"""A person's no belongs to the organization: every later road asks it."""

from collections.abc import Awaitable, Callable

import pytest

from service.sandbox.shapes import SeedOrganization
from tests.contract.conftest import Them
from tests.support.audit import audited
from tests.support.sources import COMPANY, NAME, ORG, Sources, account
from tests.support.sweeps import Sweeping
from workers.ledger.records import Deletion

HELD = {"awaiting_approval", "blocked", "cancelled", "failed"}
Asks = Callable[[Sources], Awaitable[object]]
LINK = {"integration_type": "manage", "company_id": str(COMPANY)}

ASKS: dict[str, Asks] = {
    "cw": lambda them: them.cw(),
    "std_id": lambda them: them.std(org_id=ORG, org_name=NAME),
    "std_name": lambda them: them.std(org_name=NAME),
    "std_link": lambda them: them.std(org_name=NAME, psa=LINK),
    "ninja": lambda them: them.ninja(),
    "halo": lambda them: them.halo(),
    "api_id": lambda them: them.it.ask(org_id=ORG),
    "sweep": lambda them: _sweep(them),  # noqa: PLW0108 - defined below
}


async def _sweep(them: Sources) -> object:
    settings = them.settings
    sweeping = Sweeping(them.it)
    schedules = them.it.settings.schedules
    them.it.set_settings(settings.model_copy(update={"schedules": schedules}))
    return await sweeping.summary()


async def _refused(them: Sources, asked: str, how: str) -> Deletion:
    """Asked for, and a person said no: cancelled in its grace, or rejected."""
    await ASKS[asked](them)
    (name,) = await them.open()
    found = await them.settle(name, until="scheduled")
    if how == "reject" and found.state == "awaiting_approval":
        await them.reject(found)
    else:
        await them.cancel(name)
    found = await them.it.ledger.deletions.get(name)
    assert found.state == "cancelled"
    return found


@pytest.mark.parametrize("road", ASKS)
@pytest.mark.parametrize("asked", ["cw", "ninja", "api_id", "sweep", "std_name"])
async def test_every_road_asks_it(sources: Them, asked: str, road: str) -> None:
    how = "reject" if asked == "ninja" else "cancel"
    async with sources(grace_period="1h") as them:
        await _refused(them, asked, how)
        them.it.clock.forward(minutes=5)
        await ASKS[road](them)
        found = await them.all_settled()
        await them.untouched()
        assert {each.state for each in found} <= HELD


@pytest.mark.parametrize("asked", ["cw", "ninja", "api_id"])
async def test_the_next_sweep_and_the_one_after_it(sources: Them, asked: str) -> None:
    async with sources(grace_period="1h") as them:
        await _refused(them, asked, "cancel")
        for _ in range(2):
            them.it.clock.forward(days=1)
            await _sweep(them)
            await them.all_settled()
        await them.untouched()


@pytest.mark.parametrize("how", ["cancel", "reject"])
async def test_a_no_while_somebody_else_asks(sources: Them, how: str) -> None:
    """Two deletions of one organization wait; one of them is refused by a person."""
    async with sources(approval="always") as them:
        await them.cw()
        await them.it.ask(org_id=ORG, org_name=NAME)
        first, second = [await them.settle(each) for each in await them.open()]
        await (them.reject(first) if how == "reject" else them.cancel(first.id))
        them.it.clock.forward(minutes=1)
        found = await them.settle(second.id)
        await them.untouched()
        assert found.state in HELD


async def test_a_no_before_the_other_one_was_planned(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        other = await them.it.ask(org_name=NAME)
        await _refused_open(them, "cw")
        found = await them.settle(other)
        await them.untouched()
        assert found.state in HELD


@pytest.mark.parametrize("asked", ["cw", "std_id", "std_name", "std_link", "ninja", "halo"])
async def test_a_no_to_what_was_not_planned_itself(sources: Them, asked: str) -> None:
    """Only its request says which organization it means; the other one has its plan."""
    async with sources(grace_period="1h") as them:
        found = await them.in_grace(await them.it.ask(org_id=ORG, org_name=NAME))
        await ASKS[asked](them)
        (second,) = set(await them.open()) - {found.id}
        await them.cancel(second)
        found = await them.settle(found.id)
        assert "declined" in await them.shown(found)
        await them.untouched()


async def _refused_open(them: Sources, asked: str) -> None:
    before = set(await them.open())
    await ASKS[asked](them)
    (name,) = set(await them.open()) - before
    await them.settle(name, until="scheduled")
    await them.cancel(name)


@pytest.mark.parametrize("road", ["cw", "api_id", "sweep"])
async def test_a_replayed_deletion_asks_it(sources: Them, road: str) -> None:
    async with sources(sandbox=account(status="Active"), eligibility_window="0s") as them:
        await ASKS["api_id"](them)
        (first,) = await them.open()
        assert (await them.settle(first)).state == "blocked"
        await them.it.change(ORG, status="Inactive")
        them.configure(them.settings.sources, policy={"grace_period": "1h"})
        await _refused(them, road, "cancel")
        await them.it.replay(first, overrule=False)
        await them.all_settled()
        await them.untouched()


@pytest.mark.parametrize("back", ["cw", "std"])
async def test_until_the_client_was_active_again(sources: Them, back: str) -> None:
    async with sources(grace_period="1h") as them:
        await _refused(them, "cw" if back == "cw" else "std_name", "cancel")
        them.it.clock.forward(minutes=5)
        if back == "cw":
            await them.cw("Active")
        else:
            await them.std("client.active", org_name=NAME)
        them.it.clock.forward(minutes=5)
        await ASKS["cw" if back == "cw" else "std_name"](them)
        (found,) = await them.all_settled()
        if found.state == "awaiting_approval":
            await them.approve(found)
            found = await them.settle(found.id)
        assert found.state == "deleted", found.errors


async def test_a_no_about_one_organization_says_nothing_of_another(sources: Them) -> None:
    other = SeedOrganization(id=402, name="Other Client", status="Inactive")
    async with sources(sandbox=account(other), grace_period="1h") as them:
        await _refused(them, "cw", "cancel")
        found = await them.settle(await them.it.ask(org_id="402", org_name="Other Client"))
        assert found.state == "deleted"
        assert await them.it.exists(ORG)


async def test_whoever_asks_is_told_who_said_no(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        await _refused(them, "ninja", "reject")
        await ASKS["std_id"](them)
        (found,) = await them.all_settled()
        words = await them.shown(found)
        assert "carol" in words
        assert "they pay again" in words
        await them.untouched()


@pytest.mark.parametrize("asked", ["cw", "ninja", "sweep"])
async def test_a_person_who_asks_by_name_has_the_last_word(sources: Them, asked: str) -> None:
    async with sources(grace_period="1h") as them:
        await _refused(them, asked, "cancel")
        them.it.clock.forward(minutes=5)
        found = await them.settle(await them.it.ask(org_id=ORG, org_name=NAME))
        assert found.state == "deleted", found.errors


@pytest.mark.parametrize("road", ["cw", "std_id", "sweep"])
async def test_a_no_outlasts_a_restart_and_a_year(sources: Them, road: str) -> None:
    async with sources(grace_period="1h") as them:
        await _refused(them, "ninja", "reject")
        them.it.clock.forward(days=399)
        await ASKS[road](them)
        await them.all_settled()
        await them.untouched()


async def test_what_ends_it_is_written_down_however_often_it_was_said(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        active = {"client_id": 57, "client_name": NAME, "inactive": False}
        for _ in range(3):
            await them.send("halo", active)
        await them.it.ask(org_id=ORG, org_name=NAME)
        (name,) = await them.open()
        await them.settle(name)
        await them.cancel(name)
        before = await audited(them.it.ledger, "event")
        for _ in range(2):
            again = await them.send("halo", active)
        after = await audited(them.it.ledger, "event")
        assert len(after) == len(before) + 1 + 1  # it, and the first time that it is repeated
        assert after[-1]["delivery_id"] == again.delivery_id
        kept = await them.it.ledger.deliveries.get(again.delivery_id)
        assert (kept.repeats, kept.verdict) == (1, "ignored")
