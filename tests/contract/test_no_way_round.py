"""Ways round the one road to DELETE that were tried, each with what is told of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.sandbox.shapes import SeedOrganization
from tests.contract.conftest import Them
from tests.support.sources import NAME, ORG, account, changed, created

OTHER = SeedOrganization(id=402, name="Other Client", status="Active")


# -- two events of one moment that lay ahead of us ---------------------------------------------


@pytest.mark.parametrize("back", [0, 60], ids=["our clock goes on", "our clock goes back"])
@pytest.mark.parametrize("first", ["active", "inactive"])
async def test_one_moment_that_lay_ahead(sources: Them, first: str, back: int) -> None:
    """Their sender's clock says the same of both, however long lies between their arrivals."""
    async with sources() as them:
        at = them.it.clock() + timedelta(minutes=10)
        await them.std(f"client.{first}", at=at)
        them.it.clock.now += timedelta(seconds=5 - back)
        await them.std("client.inactive" if first == "active" else "client.active", at=at)
        found = await them.all_settled()
        await them.untouched()
        assert {each.state for each in found} <= {"awaiting_approval"}


# -- a status that was set, and nobody heard so ------------------------------------------------


async def test_a_client_that_moves_after_an_unanswered_status(sources: Them) -> None:
    """The result speaks of the one whose status may be set, and not of the other one."""
    world = account(OTHER, status="Active")
    unlinked = [replace(each, psa=None) for each in world["seed"].organizations]
    world["seed"] = replace(world["seed"], organizations=tuple(unlinked))
    async with sources("drop-after@PATCH:1", sandbox=world, mode="soft_delete") as them:
        name = await created(them.std(org_name=NAME))
        await them.once(name, "retrying")
        await them.it.change(ORG, name="Violet Pump Works before the merger")
        await them.it.change("402", name=NAME)
        result = await them.it.run(name)
        assert (result["org_id"], result["details"]["state"]) == (ORG, "blocked")
        assert "402" in result["errors"][0]["message"]
        shown = (await them.it.http.get("/_sandbox/world")).json()["organizations"]
        statuses = {each["id"]: each["status"] for each in shown}
        assert (statuses[ORG], statuses["402"]) == ("Inactive", "Active")
        # Who asks again means what there is now.
        await them.it.replay(name)
        found = await them.settle(name)
        assert found.plan is not None
        assert found.plan.organization.id == "402"


# -- a no, and a namesake ----------------------------------------------------------------------


async def test_a_namesake_that_comes_and_goes_ends_no_no(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        found = await them.in_grace(await created(them.ninja()))
        await them.cancel(found.id)
        them.it.clock.forward(minutes=5)
        await them.ninja("CLIENT_CREATED", number=8)
        them.it.clock.forward(minutes=5)
        await them.ninja(number=8)
        (found,) = await them.all_settled()
        assert "declined" in await them.shown(found)
        await them.untouched()


@pytest.mark.parametrize(("name", "ended"), [("Somebody Else", False), (NAME, True)])
async def test_a_number_of_another_psa_ends_no_no(sources: Them, name: str, *, ended: bool) -> None:
    """IT Glue does not say which PSA's number 2 its link is; with the name it is that client's."""
    async with sources(grace_period="1h") as them:
        found = await them.in_grace(await them.it.ask(org_id=ORG))
        await them.cancel(found.id)
        them.it.clock.forward(minutes=5)
        await them.at(active=True, name=name)
        assert (await them.it.ledger.registers.declined() == []) is ended


async def test_a_no_that_was_said_before_the_plan_can_be_ended(sources: Them) -> None:
    """Nobody knew yet which organization it is; who meets the no is told how to end it."""
    async with sources() as them:
        await them.cancel(await created(them.cw()))
        found = await them.settle(await them.it.ask(org_id=ORG))
        assert f"unglue unprotect {ORG}" in await them.shown(found)
        await them.it.ledger.protections.unprotect(
            ORG, them.it.clock(), operator="root", reason="they left"
        )
        found = await them.settle(await them.it.ask(org_id=ORG))
        assert found.state == "deleted", found.errors


async def test_a_replay_overrules_no_later_no_of_others(sources: Them) -> None:
    """Whoever has a deletion begun anew knows how that one ended, and nothing of another's."""
    async with sources(sandbox=account(status="Active"), eligibility_window="0s") as them:
        first = await them.it.ask(org_id=ORG)
        assert (await them.settle(first)).state == "blocked"
        await them.it.change(ORG, status="Inactive")
        them.configure(them.settings.sources, policy={"grace_period": "1h"})
        await them.cancel((await them.in_grace(await created(them.cw()))).id)
        them.it.clock.forward(minutes=5)
        await them.it.replay(first, operator="alice")
        found = await them.settle(first)
        assert "declined" in await them.shown(found)
        await them.untouched()
        # Now it is what this one ended with.
        them.it.clock.forward(minutes=5)
        await them.it.replay(first, operator="alice")
        assert (await them.settle(first)).state == "deleted"


@pytest.mark.parametrize("how", ["replayed", "asked by name"])
@pytest.mark.parametrize("behind", [0, 1], ids=["within one millisecond", "a clock is behind"])
async def test_a_no_is_later_than_what_was_said_before_it(
    sources: Them, how: str, behind: int
) -> None:
    """What came first the ledger knows, and no clock: parts of Unglue may run on several hosts."""
    async with sources(sandbox=account(status="Active"), eligibility_window="0s") as them:
        first = await them.it.ask(org_id=ORG)
        await them.it.change(ORG, status="Inactive")
        them.configure(them.settings.sources, policy={"grace_period": "1h"})
        other = (await them.in_grace(await created(them.cw()))).id
        await them.it.change(ORG, status="Active")
        them.configure(them.settings.sources, policy={"eligibility_window": "0s"})
        assert (await them.settle(first)).state == "blocked"
        await them.it.change(ORG, status="Inactive")
        if how == "replayed":
            await them.it.replay(first, operator="alice")
        else:
            first = await them.it.ask(org_id=ORG, org_name=NAME)
        them.it.clock.now -= timedelta(seconds=behind)
        await them.cancel(other)
        them.it.clock.forward(seconds=5)
        found = await them.settle(first)
        assert "declined" in await them.shown(found)
        await them.untouched()


async def test_a_no_before_a_replay_is_planned_anew(sources: Them) -> None:
    """What it was about may have been corrected, and the no is about whom it means now."""
    other = SeedOrganization(id=402, name="Other Client", status="Inactive")
    async with sources(sandbox=account(other, status="Active"), eligibility_window="0s") as them:
        first = await created(them.std(org_name=NAME))
        assert (await them.settle(first)).state == "blocked"
        await them.it.change(ORG, name="Violet Pump Works before the merger")
        await them.it.change("402", name=NAME)
        await them.it.replay(first)
        await them.cancel(first)
        them.it.clock.forward(minutes=5)
        for org_id in (ORG, "402"):
            found = await them.settle(await them.it.ask(org_id=org_id))
            assert "declined" in await them.shown(found)


@pytest.mark.parametrize("end", ["expired", "cancelled"])
async def test_a_replay_overrules_no_unseen_no(sources: Them, end: str) -> None:
    """It was said after the last look of what ended for another reason, or by another's no."""
    asks = {"approval": "always", "approval_ttl": "2h"}
    async with sources() as them:
        them.configure(them.settings.sources, policy=asks)
        first = await them.it.ask(org_id=ORG)
        assert (await them.settle(first)).state == "awaiting_approval"
        await them.reject(await them.settle(await created(them.cw())))
        if end == "cancelled":
            them.it.clock.forward(minutes=1)
            await them.cancel(first)
        them.it.clock.forward(hours=3)
        assert (await them.settle(first)).state == "cancelled"
        them.configure(them.settings.sources, policy={"approval": "webhooks"})
        await them.it.replay(first, operator="dave")
        found = await them.settle(first)
        await them.untouched()
        assert found.state == "blocked"
        assert "declined" in await them.shown(found)
        # Now it is what it ended with.
        them.it.clock.forward(minutes=5)
        await them.it.replay(first, operator="dave")
        assert (await them.settle(first)).state == "deleted"


async def test_who_replayed_it_may_not_ask_any_more(sources: Them) -> None:
    """Who overruled a no is who asks now, whatever event asked first."""
    people = {
        name: {"token_sha256": digit * 64, "roles": ["request", "approve"]}
        for name, digit in (("bob", "b"), ("carol", "c"))
    }
    async with sources(grace_period="48h") as them:
        them.configure(them.settings.sources, operators=people)
        name = (await them.in_grace(await created(them.cw()))).id
        await them.cancel(name, operator="carol")
        them.it.clock.forward(minutes=5)
        await them.it.replay(name, operator="bob")
        await them.settle(name, until="scheduled")
        del people["bob"]
        them.configure(them.settings.sources, operators=people)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "operator bob" in await them.shown(found)


# -- what was read by another configuration ----------------------------------------------------


async def test_a_status_that_counts_as_inactive_no_more(sources: Them) -> None:
    """Whoever corrects the file corrects what waits by it."""
    before = changed("cw", inactive_statuses=["Inactive", "On Hold"])
    async with sources(grace_period="48h") as them:
        them.configure(before)
        found = await them.in_grace(await created(them.cw("On Hold")))
        them.configure(changed("cw", silence_days=1))
        found = await them.settle(found.id)
        assert found.state == "awaiting_approval"
        assert "counts as inactive" in await them.shown(found)
        await them.untouched()


# -- a moment of which both were said, and who else asks ---------------------------------------


async def test_a_replay_settles_no_doubt_of_others(sources: Them) -> None:
    """A person has it begun anew; that decides nothing yet, and not for whoever else asks."""
    async with sources(approval_ttl="1h") as them:
        at = them.it.clock()
        await them.std("client.active", at=at, org_name=NAME)
        name = await created(them.std("client.inactive", at=at, org_name=NAME))
        await them.settle(name)
        them.it.clock.forward(hours=2)
        assert (await them.settle(name)).state == "cancelled"
        await them.it.replay(name)
        found = await them.settle(await them.it.ask(org_id=ORG))
        assert found.state == "awaiting_approval"
        await them.untouched()


async def test_a_no_outlasts_what_was_said_before_it(sources: Them) -> None:
    """The client went, came and went; a person looked and said no; two of its events come late."""
    async with sources(grace_period="1h") as them:
        then = them.it.clock()
        found = await them.in_grace(await created(them.cw()))
        them.it.clock.forward(minutes=10)
        await them.cancel(found.id)
        them.it.clock.forward(minutes=5)
        await them.cw("Active", at=then + timedelta(minutes=3))
        await them.cw(at=then + timedelta(minutes=6))
        (found,) = await them.all_settled()
        assert "declined" in await them.shown(found)
        await them.untouched()


# -- the same words once more ------------------------------------------------------------------


async def test_gone_again_in_the_same_words(sources: Them) -> None:
    """Without an id and a time nobody can say whether it is the first one, which came twice."""
    async with sources(grace_period="1h") as them:
        said = {"client_id": 57, "client_name": NAME}
        for word in ("created", "reactivated", "created", "event_id"):
            sent = await them.send("halo", {**said, "inactive": word != "reactivated"})
            assert sent.strongest.reason == word
            them.it.clock.forward(minutes=6)
        (found,) = await them.all_settled()
        assert found.state == "awaiting_approval"
        assert "no signed time" in await them.shown(found)
