"""What links a client to an organization: two proofs, one link, nothing that contradicts."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.models import PsaLink
from service.sandbox.shapes import Psa, SeedOrganization
from tests.contract.conftest import Rehearse, Them
from tests.support.links import Links
from tests.support.rehearsal import Rehearsal
from tests.support.sources import COMPANY, CW, NAME, ORG, SOURCES, Sources, account
from tests.support.sweeps import Sweeping

CW2 = {**CW, "company": "Zinc", "host": "eu.myconnectwise.net", "key_origin": "http://127.0.0.1:10"}
LINK_OF_OURS = ("manage", str(COMPANY))
HELD = {"awaiting_approval", "blocked", "failed", "cancelled"}


def behind(it: Rehearsal, links: Links) -> Rehearsal:
    """The rehearsal, with an IT Glue that says this of links."""
    it.in_front = links.in_front
    return it


async def _asked(sent: Any) -> str:
    receipt = (await sent).strongest
    assert receipt.verdict == "accepted", receipt
    return str(receipt.deletion_id)


# -- several links ----------------------------------------------------------------------------


@pytest.mark.parametrize("other", [("manage", "261"), ("manage", "9"), ("autotask", "261")])
@pytest.mark.parametrize("first", [True, False])
async def test_one_of_two_goes(rehearse: Rehearse, other: tuple[str, str], *, first: bool) -> None:
    """The other one was never heard of: nobody knows whether it is a client."""
    async with behind(rehearse(sandbox=account()), Links({ORG: (other,)})) as it:
        them = Sources(it)
        if not first and other[0] == "manage":
            found = await them.settle(await _asked(them.cw(company=int(other[1]))))
        else:
            found = await them.settle(await _asked(them.cw()))
        await them.untouched()
        assert found.state in HELD


@pytest.mark.parametrize("order", ["active_first", "active_in_grace", "active_then_asked_twice"])
async def test_the_other_linked_company_is_active(rehearse: Rehearse, order: str) -> None:
    links = Links({ORG: (("manage", "261"),)})
    async with behind(rehearse(sandbox=account(), grace_period="1h"), links) as it:
        them = Sources(it)
        if order != "active_in_grace":
            await them.cw("Active", company=261)
        name = await _asked(them.cw())
        await them.once(name)
        if order == "active_in_grace":
            await them.cw("Active", company=261)
        if order == "active_then_asked_twice":
            await them.cw()
        found = await them.settle(name)
        await them.untouched()
        assert found.state in HELD


async def test_a_client_of_another_psa_is_active(rehearse: Rehearse) -> None:
    links = Links({ORG: (("autotask", "174"),)})
    async with behind(rehearse(sandbox=account()), links) as it:
        them = Sources(it)
        await them.at("True", company=174)
        found = await them.settle(await _asked(them.cw()))
        await them.untouched()
        assert found.state in HELD


@pytest.mark.parametrize("by", ["api", "std", "sweep"])
async def test_other_requests_ask_about_the_links_too(rehearse: Rehearse, by: str) -> None:
    links = Links({ORG: (("manage", "261"),)})
    async with behind(rehearse(sandbox=account()), links) as it:
        them = Sources(it)
        await them.cw("Active", company=261)
        match by:
            case "api":
                await it.ask(org_id=ORG, org_name=NAME)
            case "std":
                await them.std(org_id=ORG, org_name=NAME)
            case _:
                await Sweeping(it).summary()
        await them.all_settled()
        await them.untouched()


@pytest.mark.parametrize("order", [(COMPANY, 261), (261, COMPANY)])
async def test_every_linked_one_is_inactive(rehearse: Rehearse, order: tuple[int, int]) -> None:
    """Or somebody was shown all links."""
    async with behind(rehearse(sandbox=account()), Links({ORG: (("manage", "261"),)})) as it:
        them = Sources(it)
        found = await them.settle(await _asked(them.cw(company=order[0])))
        assert found.state == "awaiting_approval"
        assert "261" in await them.shown(found)
        await them.untouched()
        second = (await them.cw(company=order[1])).strongest.deletion_id
        for each in {found.id, str(second)}:
            await them.settle(each)
        if not await it.deletes():
            await them.approve(await it.ledger.deletions.get(found.id))
            await them.settle(found.id)
        assert len(await it.deletes()) == 1


@pytest.mark.parametrize("number", [COMPANY, 300])
async def test_another_psas_number_is_not_known_by_ours(rehearse: Rehearse, number: int) -> None:
    """What ConnectWise says of its 300 says nothing of Autotask's."""
    links = Links({ORG: (("autotask", str(number)),)})
    async with behind(rehearse(sandbox=account()), links) as it:
        them = Sources(it, sources={"cw": CW})
        await them.cw(company=300, name="Client 201")
        found = await them.settle(await _asked(them.cw()))
        assert found.state == "awaiting_approval"
        await them.untouched()


async def test_a_link_that_came_while_it_waited(rehearse: Rehearse) -> None:
    links = Links()
    async with behind(rehearse(sandbox=account(), grace_period="1h"), links) as it:
        them = Sources(it)
        name = await _asked(them.cw())
        await them.once(name, "scheduled")
        links.more = {ORG: (("manage", "261"),)}
        found = await them.settle(name)
        await them.untouched()
        assert found.state in HELD


# -- one company, two organizations -----------------------------------------------------------

TWIN = "402"


@pytest.mark.parametrize("by", ["cw", "std", "api"])
@pytest.mark.parametrize("when", ["before", "in_grace", "approved"])
@pytest.mark.parametrize("named", [{ORG}, {TWIN}, {ORG, TWIN}])
async def test_a_second_organization_is_linked_to_the_company(
    rehearse: Rehearse, by: str, when: str, named: set[str]
) -> None:
    """Whichever of them has the company's name: a person is shown both."""
    links = Links()
    twin = SeedOrganization(id=int(TWIN), name="Other Works", status="Inactive")
    policy = {"grace_period": "1h", "approval": "always" if when == "approved" else "never"}
    async with behind(rehearse(sandbox=account(twin), **policy), links) as it:
        them = Sources(it)

        async def linked() -> None:
            links.more = {TWIN: (LINK_OF_OURS,)}
            await it.change(ORG, name=NAME if ORG in named else "Violet Pumps, before 2020")
            await it.change(TWIN, name=NAME if TWIN in named else "Other Works")

        if when == "before":
            await linked()
        psa = dict(zip(("integration_type", "company_id"), LINK_OF_OURS, strict=True))
        match by:
            case "cw":
                name = await _asked(them.cw())
            case "std":
                name = await _asked(them.std(org_name=NAME, psa=psa))
            case _:
                name = await it.ask(org_name=NAME, psa=psa)
        if when != "before":
            await them.in_grace(name)
            await linked()
        found = await them.settle(name)
        await them.untouched()
        assert await it.exists(TWIN)
        assert found.state == "failed"
        assert {ORG, TWIN} <= set(re.findall("[0-9]+", await them.shown(found)))


@pytest.mark.parametrize("own", [True, False])
async def test_the_stand_in_shows_every_linked_one(rehearse: Rehearse, *, own: bool) -> None:
    """By its first link or by a further one, as IT Glue's filter does."""
    twins = [SeedOrganization(id=number, name=f"Twin {number}") for number in (402, 403)]
    links = Links({str(each.id): (LINK_OF_OURS,) for each in twins})
    seed = account(*twins, psa=None if own else Psa("manage", "9"))
    async with behind(rehearse(sandbox=seed), links) as it:
        shown = await it.context.itglue.organizations_linked(
            PsaLink(integration_type="manage", company_id=str(COMPANY))
        )
        assert {each.id for each in shown.found} == {"402", "403", *({ORG} if own else ())}
        assert shown.filter_honoured


# -- two proofs -------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", ["cw_deleted", "cw_nameless", "at_deleted", "std_link"])
async def test_a_bare_number_never_confirms_itself(sources: Them, vendor: str) -> None:
    psa = Psa("autotask" if vendor == "at_deleted" else "manage", str(COMPANY))
    async with sources(sandbox=account(psa=psa)) as them:
        await _nameless(them, vendor)
        found = await them.all_settled()
        await them.untouched()
        assert {each.state for each in found} <= {"awaiting_approval"}
        for each in found:
            await them.approve(each)
            await them.settle(each.id)
        assert len(await them.it.deletes()) == len(found)


async def _nameless(them: Sources, vendor: str) -> Any:
    match vendor:
        case "cw_deleted":
            return await them.cw(Action="deleted", Entity=None)
        case "cw_nameless":
            return await them.cw(name=None)
        case "at_deleted":
            return await them.at(name=None, Action="Delete", Fields={})
        case _:
            link = {"integration_type": "manage", "company_id": str(COMPANY)}
            return await them.std(psa=link)


@pytest.mark.parametrize("vendor", ["cw_deleted", "at_deleted"])
@pytest.mark.parametrize("known", [NAME, "Quite Another Client"])
async def test_an_earlier_name_is_compared(sources: Them, vendor: str, known: str) -> None:
    psa = Psa("autotask" if vendor == "at_deleted" else "manage", str(COMPANY))
    async with sources(sandbox=account(psa=psa)) as them:
        if vendor == "at_deleted":
            await them.at("True", name=known)
        else:
            await them.cw("Active", name=known)
        await _nameless(them, vendor)
        (found,) = [await them.settle(each) for each in await them.open()]
        if known != NAME:
            assert found.state in HELD
        elif found.state == "awaiting_approval":
            await them.approve(found)  # A deletion signs no time, which is a doubt of its own.
            await them.settle(found.id)
        assert len(await them.it.deletes()) == (known == NAME)


@pytest.mark.parametrize("named", ["Other Works", "Violet"])
async def test_a_link_and_another_name(sources: Them, named: str) -> None:
    async with sources() as them:
        found = await them.settle(await _asked(them.cw(name=named)))
        await them.untouched()
        assert found.state in HELD


@pytest.mark.parametrize("event", ["updated", "deleted", "nameless"])
@pytest.mark.parametrize("declared", [True, False])
async def test_two_tenants_of_one_kind(sources: Them, event: str, *, declared: bool) -> None:
    """IT Glue's link belongs to the first tenant's client; the second one has a same number."""
    async with sources() as them:
        if not declared:
            with pytest.raises(ValueError, match=r"cw2|integration"):
                them.configure({"cw": CW, "cw2": CW2})
            return
        them.configure(
            {
                "cw": {**CW, "itglue_integration": "Cobalt's"},
                "cw2": {**CW2, "itglue_integration": "Zinc's"},
            }
        )
        changes: dict[str, Any] = {"name": NAME if event == "updated" else None}
        if event == "deleted":
            changes |= {"Action": "deleted", "Entity": None}
        await them.cw(source="cw2", **changes)
        found = await them.all_settled()
        await them.untouched()
        assert {each.state for each in found} <= HELD


@pytest.mark.parametrize("stated", [{}, {ORG: "autotask"}])
@pytest.mark.parametrize("nameless", [True, False])
async def test_the_integration_that_was_asked_for(
    rehearse: Rehearse, stated: Mapping[str, str], *, nameless: bool
) -> None:
    """IT Glue heeds the number and not the type; the number is another PSA's."""
    links = Links(types=stated, untyped={str(COMPANY): "autotask"})
    if not stated and not nameless:
        pytest.skip("nothing contradicts, and the name agrees")
    psa = Psa("autotask", str(COMPANY))
    async with behind(rehearse(sandbox=account(psa=psa)), links) as it:
        them = Sources(it)
        await them.cw(name=None if nameless else NAME)
        found = await them.all_settled()
        await them.untouched()
        assert {each.state for each in found} <= HELD


OTHER = SeedOrganization(id=402, name="Other Works", status="Inactive", psa=Psa("manage", "270"))
LINK = {"integration_type": "manage", "company_id": "270"}


@pytest.mark.parametrize(
    "data",
    [
        {"org_id": ORG, "psa": LINK},
        # All but the id agree.
        {"org_id": ORG, "org_name": "Other Works", "psa": LINK},
        {"org_name": NAME, "psa": LINK},
        {"org_id": ORG, "org_name": "Other Works"},
        {"org_id": "402", "org_name": NAME, "psa": LINK},
        {"org_id": "402", "psa": {**LINK, "company_id": str(COMPANY)}},
    ],
)
@pytest.mark.parametrize("source", ["std", "ce"])
async def test_identifiers_differ(sources: Them, source: str, data: dict[str, Any]) -> None:
    async with sources(sandbox=account(OTHER)) as them:
        await (them.std(**data) if source == "std" else them.ce(**data))
        found = await them.all_settled()
        await them.untouched()
        assert await them.it.exists("402")
        assert {each.state for each in found} <= {"failed", "blocked", "awaiting_approval"}


async def test_identifiers_that_agree(sources: Them) -> None:
    async with sources(sandbox=account(OTHER)) as them:
        data: dict[str, Any] = {"org_id": "402", "org_name": "Other Works", "psa": LINK}
        await them.settle(await _asked(them.std(**data)))
        assert not await them.it.exists("402")


# -- links that nobody states ---------------------------------------------------------------------


@pytest.mark.parametrize("known", ["cw", "at", "std"])
async def test_unknown_links_are_not_no_links(rehearse: Rehearse, known: str) -> None:
    psa = Psa("autotask" if known == "at" else "manage", str(COMPANY))
    link = {"integration_type": "manage", "company_id": str(COMPANY)}
    links = Links()
    async with behind(rehearse(sandbox=account(psa=psa)), links) as it:
        them = Sources(it)
        match known:
            case "cw":
                await them.cw("Active", name=None)
            case "at":
                await them.at("True", name=None)
            case _:
                await them.std("client.active", psa=link)
        links.silent = True
        sweeping = Sweeping(it)
        it.set_settings(
            them.settings.model_copy(update={"schedules": sweeping.it.settings.schedules})
        )
        await sweeping.summary()
        await them.all_settled()
        await it.ask(org_name=NAME)
        found = await them.all_settled()
        await them.untouched()
        assert {each.state for each in found} <= HELD


@pytest.mark.parametrize("asks", ["api", "std", "ninja"])
async def test_links_that_are_no_longer_stated(rehearse: Rehearse, asks: str) -> None:
    """Known in the plan and unknown before the call, or never known."""
    links = Links()
    async with behind(rehearse(sandbox=account(), grace_period="1h"), links) as it:
        them = Sources(it)
        match asks:
            case "api":
                name = await it.ask(org_id=ORG, org_name=NAME)
            case "std":
                name = await _asked(them.std(org_name=NAME))
            case _:
                name = await _asked(them.ninja())
                await them.approve(await them.settle(name))
        await them.settle(name, until="scheduled")
        links.silent = True
        found = await them.settle(name)
        await them.untouched()
        assert found.state in {*HELD, "retrying"}


async def test_none_is_configured_that_knows_numbers(rehearse: Rehearse) -> None:
    async with behind(rehearse(sandbox=account(psa=None)), Links(silent=True)) as it:
        them = Sources(it)
        them.configure({"std": SOURCES["std"]})
        found = await them.settle(await _asked(them.std(org_id=ORG, org_name=NAME)))
        if found.state == "awaiting_approval":
            await them.approve(found)
            found = await them.settle(found.id)
        assert found.state == "deleted"


@pytest.mark.parametrize("merged", [0, 261])
@pytest.mark.parametrize("vendor", ["cw", "at", "halo"])
async def test_a_company_that_was_merged_is_for_a_person(
    rehearse: Rehearse, vendor: str, merged: int
) -> None:
    """What IT Glue knows of the one that goes may be wanted for the one that stays."""
    psa = Psa("autotask" if vendor == "at" else "manage", str(COMPANY))
    async with rehearse(sandbox=account(psa=psa), grace_period="0s") as it:
        them = Sources(it)
        match vendor:
            case "cw":
                entity = json.loads(json.loads(them.callback())["Entity"])
                entity["mergedInto"] = merged
                sent = them.cw(Entity=json.dumps(entity))
            case "at":
                fields = {"isActive": False, "companyName": NAME, "MergedIntoCompanyID": merged}
                sent = them.at(Fields=fields)
            case _:
                body = {"client_id": 57, "client_name": NAME, "inactive": True}
                sent = them.send("halo", body | {"merged_into_id": merged})
        found = await them.settle(await _asked(sent))
        asked = vendor == "halo" or bool(merged)
        assert found.state == ("awaiting_approval" if asked else "deleted")
        assert ("merged into another" in (found.request.reason or "")) == bool(merged)


@pytest.mark.parametrize("vendor", ["cw", "cw_type", "at", "at_type", "ninja", "std", "ce"])
async def test_an_event_that_says_merged_is_not_guessed_at(sources: Them, vendor: str) -> None:
    async with sources() as them:
        said: dict[str, Any] = {
            "cw": lambda: them.cw(Action="merged"),
            "cw_type": lambda: them.cw(Type="companyMerge"),
            "at": lambda: them.at(Action="Merge"),
            "at_type": lambda: them.at(EntityType="AccountMerge"),
            "ninja": lambda: them.ninja("CLIENT_MERGED"),
            "std": lambda: them.std("client.merged"),
            "ce": lambda: them.ce("client.merged"),
        }
        assert (await said[vendor]()).strongest.verdict == "rejected"
        source = vendor.partition("_")[0]
        assert await them.it.ledger.store.redis.exists(f"unglue:holding:{source}")
