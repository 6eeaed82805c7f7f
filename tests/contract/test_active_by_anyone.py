"""A client that any source says is active is not deleted, under whatever identity it was said."""

import contextlib
import re
from collections.abc import Awaitable, Callable

import pytest

from adapters.errors import Conflict, SigningKeyUnavailable
from service.sandbox.shapes import SeedOrganization
from tests.contract.conftest import Rehearse, Them
from tests.support.sources import (
    COMPANY,
    NAME,
    ORG,
    SOURCES,
    STD,
    Sources,
    account,
    created,
    without,
)
from tests.support.sweeps import Sweeping
from workers.intake.intake import Acknowledged
from workers.ledger.records import Deletion

Asks = Callable[[Sources], Awaitable[str]]
Says = Callable[[Sources], Awaitable[Acknowledged]]


async def _by_sweep(them: Sources) -> str:
    sweeping = Sweeping(them.it)
    schedules = them.it.settings.schedules
    them.it.set_settings(them.settings.model_copy(update={"schedules": schedules}))
    await sweeping.summary()
    (deletion,) = await sweeping.deletions()
    return deletion.id


ASKS: dict[str, Asks] = {
    "cw": lambda them: created(them.cw()),
    "std": lambda them: created(them.std()),
    "std_name": lambda them: created(them.std(org_name=NAME)),
    "ninja": lambda them: created(them.ninja()),
    "api_id": lambda them: them.it.ask(org_id=ORG, org_name=NAME),
    "api_name": lambda them: them.it.ask(org_name=NAME),
    "sweep": _by_sweep,
}
WIDE = {ord(digit): ord(digit) - ord("0") + 0xFF10 for digit in "0123456789"}
LINK = {"integration_type": "manage", "company_id": str(COMPANY)}
SAYS: dict[str, Says] = {
    "cw": lambda them: them.cw("Active"),
    "cw_added": lambda them: them.cw("Active", Action="added", name=None),
    "std_id": lambda them: them.std("client.active", org_id=ORG),
    "std_name": lambda them: them.std("client.active", org_name=NAME),
    "std_shouted": lambda them: them.std("client.active", org_name=f"  {NAME.upper()} "),
    "std_link_with_zeros": lambda them: them.std(
        "client.active", psa={**LINK, "company_id": f"00{COMPANY}"}
    ),
    "std_link_with_blanks": lambda them: them.std(
        "client.active", psa={**LINK, "company_id": f" {COMPANY} "}
    ),
    "std_link_in_wide_digits": lambda them: them.std(
        "client.active", psa={**LINK, "company_id": str(COMPANY).translate(WIDE)}
    ),
    "std_link": lambda them: them.std("client.active", psa=LINK),
    "ce_id": lambda them: them.ce("client.active", org_id=ORG),
    "ninja_created": lambda them: them.ninja("CLIENT_CREATED", number=8),
    "ninja_updated": lambda them: them.ninja("CLIENT_UPDATED", number=8, data={"state": "ok"}),
    "halo_name": lambda them: them.halo(inactive=False),
}


@pytest.mark.parametrize("asked", ASKS)
async def test_without_such_a_word_it_is_deleted(sources: Them, asked: str) -> None:
    async with sources(grace_period="48h") as them:
        found = await them.in_grace(await ASKS[asked](them))
        found = await them.settle(found.id)
        assert found.state == "deleted", found.errors
        assert len(await them.it.deletes()) == 1


@pytest.mark.parametrize("said", SAYS)
@pytest.mark.parametrize("asked", ASKS)
async def test_said_in_the_grace_period(sources: Them, asked: str, said: str) -> None:
    async with sources(grace_period="48h") as them:
        found = await them.in_grace(await ASKS[asked](them))
        await SAYS[said](them)
        found = await them.settle(found.id)
        await them.untouched()
        if said.partition("_")[0] == found.source:
            assert found.state == "cancelled"
        else:
            assert found.state in {"awaiting_approval", "cancelled", "blocked"}


@pytest.mark.parametrize("said", ["std_id", "std_shouted", "ninja_created", "halo_name", "ce_id"])
@pytest.mark.parametrize("asked", ["cw", "api_id"])
async def test_a_person_is_told_and_decides(sources: Them, asked: str, said: str) -> None:
    async with sources(grace_period="48h") as them:
        found = await them.in_grace(await ASKS[asked](them))
        await SAYS[said](them)
        found = await them.settle(found.id)
        assert found.state == "awaiting_approval", found.errors
        words = await them.shown(found)
        assert re.search(rf"\b{said.partition('_')[0]}\b", words), words
        assert them.it.clock().strftime("%Y-%m-") in words

        await them.approve(found)
        found = await them.settle(found.id)
        assert found.state == "deleted", found.errors


@pytest.mark.parametrize("said", ["std_id", "ninja_created", "halo_name"])
async def test_said_again_after_the_approval_it_stops_again(sources: Them, said: str) -> None:
    async with sources(grace_period="48h") as them:
        found = await them.in_grace(await ASKS["cw"](them))
        await SAYS[said](them)
        found = await them.settle(found.id)
        await them.approve(found)
        await them.once(found.id)
        await SAYS[said](them)
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state in {"awaiting_approval", "cancelled"}


@pytest.mark.parametrize("said", ["std_name", "ninja_created", "halo_name", "cw_added"])
@pytest.mark.parametrize("asked", ["cw", "api_name", "std_name"])
async def test_said_before_it_was_asked_for(sources: Them, asked: str, said: str) -> None:
    """By another source: a source's own later word is the newer one of the two."""
    if asked.partition("_")[0] == said.partition("_")[0]:
        pytest.skip("its own newer word counts")
    async with sources() as them:
        await SAYS[said](them)
        them.it.clock.forward(minutes=3)
        found = await them.settle(await ASKS[asked](them))
        await them.untouched()
        assert found.state in {"awaiting_approval", "blocked", "cancelled"}


@pytest.mark.parametrize("source", ["cw", "std"])
async def test_a_sources_own_newer_word_counts(sources: Them, source: str) -> None:
    async with sources() as them:
        await SAYS["cw" if source == "cw" else "std_name"](them)
        them.it.clock.forward(minutes=3)
        await them.settle(await ASKS["cw" if source == "cw" else "std_name"](them))
        assert len(await them.it.deletes()) == 1


@pytest.mark.parametrize("said", SAYS)
async def test_said_while_all_is_paused_after_the_plan(sources: Them, said: str) -> None:
    """Resumed within the minute that a plan lasts: only the organization is read again."""
    async with sources() as them:
        name = await ASKS["api_id"](them)
        await them.pause()
        assert (await them.once(name)).plan is not None
        await SAYS[said](them)
        await them.resume()
        them.it.clock.forward(seconds=16)
        await them.settle(name)
        await them.untouched()


@pytest.mark.parametrize("said", ["std_id", "std_name", "ninja_created", "halo_name", "ce_id"])
async def test_said_while_somebody_is_asked(sources: Them, said: str) -> None:
    """What was shown before must not be approved any more."""
    async with sources(approval="always") as them:
        shown = await them.settle(await ASKS["cw"](them))
        await SAYS[said](them)
        found = await _approved_as_shown(them, shown)
        await them.untouched()
        assert found.state in {"awaiting_approval", "cancelled", "blocked"}


async def test_a_source_that_came_after_the_plan_is_heard(sources: Them) -> None:
    """What it says may yet be unproved, and is asked for where the call is granted."""
    async with sources() as them:
        them.configure(without(SOURCES, "cw"))
        name = await created(them.std())
        await them.pause()
        await them.once(name, "retrying")
        them.configure(SOURCES)
        them.keys.answer = SigningKeyUnavailable
        assert (await them.cw("Active")).strongest.verdict == "unverified"
        await them.resume()
        await them.once(name)
        await them.untouched()


async def test_restored_by_hand_under_another_number(sources: Them) -> None:
    """The organization is found by its name, so its name is what must not be active."""
    async with sources(sandbox=account(psa=None)) as them:
        shown = await them.settle(await ASKS["ninja"](them))
        assert shown.state == "awaiting_approval"
        await them.ninja("CLIENT_CREATED", number=8)
        found = await _approved_as_shown(them, shown)
        await them.untouched()
        assert found.state == "cancelled"


async def _approved_as_shown(them: Sources, shown: Deletion) -> Deletion:
    with contextlib.suppress(Conflict):
        await them.approve(shown)
    return await them.settle(shown.id)


@pytest.mark.parametrize("said", ["std_id", "ninja_created", "ce_id"])
async def test_said_while_a_limit_holds_it(sources: Them, said: str) -> None:
    other = SeedOrganization(id=402, name="Other Client", status="Inactive")
    async with sources(sandbox=account(other), max_deletions_per_day=1) as them:
        await them.it.run(await them.it.ask(org_id="402"))
        shown = await them.settle(await ASKS["cw"](them))
        assert (shown.state, shown.asked and shown.asked.why) == ("awaiting_approval", "limit")
        await SAYS[said](them)
        await _approved_as_shown(them, shown)
        assert len(await them.it.deletes()) == 1
        assert await them.it.exists(ORG)


@pytest.mark.parametrize("said", ["std_id", "halo_name"])
async def test_said_while_the_status_lags(sources: Them, said: str) -> None:
    async with sources(sandbox=account(status="Active")) as them:
        name = await ASKS["cw"](them)
        await them.once(name, "awaiting_eligibility")
        await SAYS[said](them)
        await them.it.change(ORG, status="Inactive")
        await them.settle(name)
        await them.untouched()


@pytest.mark.parametrize("said", ["std_name", "ninja_created", "cw"])
async def test_a_replayed_deletion_asks_too(sources: Them, said: str) -> None:
    async with sources(sandbox=account(status="Active"), eligibility_window="0s") as them:
        name = await them.it.ask(org_id=ORG)
        assert (await them.settle(name)).state == "blocked"
        await SAYS[said](them)
        await them.it.change(ORG, status="Inactive")
        await them.it.replay(name, operator="alice", overrule=False)
        await them.settle(name)
        await them.untouched()


async def test_two_standard_sources_are_two(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account(), grace_period="48h") as it:
        secret = "whsec_" + "dGhlIG90aGVyIHN0YW5kYXJkIHNvdXJjZSBvZiB1cw=="
        them = Sources(it)
        them.configure({"std": STD, "rewst": {**STD, "secrets": [secret]}})
        found = await them.in_grace(await created(them.std(org_id=ORG, org_name=NAME)))
        await them.std("client.active", source="rewst", org_name=NAME)
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert re.search(r"\brewst\b", await them.shown(found))


async def test_a_word_about_another_client_changes_nothing(sources: Them) -> None:
    async with sources(grace_period="48h") as them:
        found = await them.in_grace(await ASKS["cw"](them))
        await them.cw("Active", company=9, name="Client 201")
        await them.std("client.active", org_id="201", org_name="Client 201")
        await them.ninja("CLIENT_CREATED", number=8, name="Client 201")
        assert (await them.settle(found.id)).state == "deleted"


@pytest.mark.parametrize("source", ["ninja", "halo"])
@pytest.mark.parametrize("came", ["7,8", "8,7", "7,8,8", "9,7,8"])
async def test_whoever_of_one_name_came_last_and_goes(
    rehearse: Rehearse, source: str, came: str
) -> None:
    """The others of that name are active still; the organization is found by the name alone."""
    async with rehearse(sandbox=account()) as it:
        them = Sources(it)

        async def say(number: int, *, active: bool) -> Acknowledged:
            if source == "halo":
                return await them.halo(not active, client=number)
            code = "CLIENT_CREATED" if active else "CLIENT_DELETED"
            return await them.ninja(code, number=number)

        numbers = [int(each) for each in came.split(",")]
        for number in numbers:
            await say(number, active=True)
        left = set(numbers)
        for number in (8, *(left - {8})):
            found = await them.settle(str((await say(number, active=False)).strongest.deletion_id))
            left.discard(number)
            assert found.plan is not None
            asks = {each.gate for each in found.plan.asks}
            assert ("client_active" in asks) == bool(left)
