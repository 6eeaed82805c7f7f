"""One client under several names and numbers: what is said of any of them is said of it."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.clients import known_as
from service.sandbox.shapes import Psa
from tests.contract.conftest import Rehearse, Them
from tests.contract.test_one_organization import CW2, behind
from tests.support.links import Links
from tests.support.sources import (
    COMPANY,
    CW,
    HALO,
    NAME,
    NINJA,
    ORG,
    SOURCES,
    STD,
    Sources,
    account,
    created,
)
from tests.support.sweeps import Sweeping
from workers.itglue.models import Organization
from workers.ledger.deleting.registers import Register
from workers.ledger.events.catch_ups import Client, Known
from workers.pipeline.identity.identities import further

LINK = {"integration_type": "manage", "company_id": str(COMPANY)}
TWO_TENANTS = {
    "cw": {**CW, "itglue_integration": "Cobalt's"},
    "cw2": {**CW2, "itglue_integration": "Zinc's"},
    "std": STD,
}
ANOTHER = "Violet Holding"


# -- what an event says in odd words ---------------------------------------------------------------

ODD: dict[str, dict[str, Any]] = {
    "a plus": {"psa": {**LINK, "company_id": "+250"}},
    "a sign": {"psa": {**LINK, "company_id": "#250"}},
    "a fraction": {"psa": {**LINK, "company_id": "250.0"}},
    "whose number it is": {"psa": {**LINK, "company_id": "manage:250"}},
    "other digits": {"psa": {**LINK, "company_id": "\u0662\u0665\u0660"}},
    "a flag": {"psa": {**LINK, "deleted": False}},
    "a field more": {"psa": {**LINK, "tenant": "Cobalt"}},
    "the vendor": {"psa": {**LINK, "integration_type": "connectwise"}},
    "no integration": {"psa": {"company_id": 250}},
    "keys of another style": {"psa": {"integrationType": "manage", "companyId": 250}},
    "several": {"psa": [{**LINK, "company_id": "7"}, LINK]},
    "an id with a plus": {"org_id": "+401"},
    "an id in other digits": {"org_id": "\u0664\u0660\u0661"},
    "an address": {"org_id": "https://lantern.itglue.com/401"},
    "an id's key": {"Org_Id": "401"},
    "an id's longer key": {"organizationId": 401},
    "a name's key": {"orgName": NAME},
    "a list": {"org_id": ["401"]},
    "the short name": {"org_name": "VPW"},
    "the PSA's own text for a company": {"psa": {**LINK, "company_id": "vpw"}},
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("source", ["std", "ce"])
async def test_active_in_odd_words(sources: Them, odd: str, source: str) -> None:
    """Of another source than the one whose deletion waits, so that only the client can hold it."""
    async with sources(sandbox=account(short_name="VPW"), grace_period="48h") as them:
        found = await them.in_grace(await created(them.cw()))
        send = them.std if source == "std" else them.ce
        await send("client.active", **ODD[odd])
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert source in await them.shown(found)


@pytest.mark.parametrize("how", ["a text", "beside the type", "bytes"])
async def test_active_in_another_place(sources: Them, how: str) -> None:
    async with sources(grace_period="48h") as them:
        found = await them.in_grace(await created(them.cw()))
        data = {"org_id": ORG, "org_name": NAME}
        match how:
            case "a text":
                await them.send("std", {"type": "client.active", "data": json.dumps(data)})
            case "beside the type":
                await them.send("std", {"type": "client.active", **data})
            case _:
                coded = base64.b64encode(json.dumps(data).encode()).decode()
                said = {"specversion": "1.0", "id": "1", "source": "crm", "type": "client.active"}
                await them.send("ce", {**said, "data_base64": coded})
        await them.settle(found.id)
        await them.untouched()


@pytest.mark.parametrize("inactive_signed", [True, False])
async def test_the_same_words_once_more(sources: Them, *, inactive_signed: bool) -> None:
    """An id that its sender uses for each "active" of a client; no time tells them apart."""
    async with sources(grace_period="48h") as them:
        await them.std("client.active", message="active-401", timed=False)
        them.it.clock.forward(minutes=5)
        found = await them.in_grace(await created(them.std(timed=inactive_signed)))
        them.it.clock.forward(minutes=5)
        said = await them.std("client.active", message="active-401", timed=False)
        assert said.strongest.reason == "order_unknown"
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state == "awaiting_approval"


# -- what is known of a client from other events ---------------------------------------------------


async def _asked(them: Sources, by: str) -> str:
    match by:
        case "api":
            return await them.it.ask(org_id=ORG, org_name=NAME)
        case "std":
            return await created(them.std())
        case _:
            sweeping, settings = Sweeping(them.it), them.settings
            schedules = them.it.settings.schedules
            them.it.set_settings(settings.model_copy(update={"schedules": schedules}))
            await sweeping.summary()
            (deletion,) = await sweeping.deletions()
            return deletion.id


@pytest.mark.parametrize("by", ["api", "std", "sweep"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_active_under_the_name_of_a_linked_company(sources: Them, by: str, when: str) -> None:
    """IT Glue calls it otherwise than its PSA, and the others know it by the PSA's name."""
    async with sources(grace_period="48h") as them:
        await them.cw("Active", name=ANOTHER)
        await them.cw(name=ANOTHER)
        await them.all_settled()
        if when == "before":
            await them.ninja("CLIENT_CREATED", name=ANOTHER, number=77)
        found = await them.settle(await _asked(them, by), until="scheduled")
        if when == "after":
            assert found.state == "scheduled"
            await them.ninja("CLIENT_CREATED", name=ANOTHER, number=77)
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state in {"awaiting_approval", "cancelled"}


async def test_active_under_a_new_name(sources: Them) -> None:
    """Who was inactive under the organization's name is active under another one."""
    async with sources(grace_period="48h") as them:
        gone = await created(them.ninja("CLIENT_UPDATED", data={"state": "gone"}))
        found = await them.in_grace(await created(them.cw()))
        await them.ninja("CLIENT_UPDATED", data={"state": "ok"}, name=ANOTHER)
        assert (await them.settle(gone)).state == "cancelled"
        found = await them.settle(found.id)
        await them.untouched()
        assert "'id:7' is active" in await them.shown(found)


async def test_another_one_takes_the_name(sources: Them) -> None:
    """An update of NinjaOne says under which name an organization is there."""
    async with sources(sandbox=account(psa=None), grace_period="48h") as them:
        them.configure({"ninja": {name: NINJA[name] for name in NINJA if name != "inactive_when"}})
        await them.ninja("CLIENT_CREATED", number=8, name=ANOTHER)
        await them.ninja("CLIENT_UPDATED", number=8)
        found = await them.settle(await created(them.ninja()))
        assert f"client 'name:{NAME.lower()}' is active" in await them.shown(found)


@pytest.mark.parametrize("by", ["cw", "api", "sweep"])
async def test_listed_as_active_by_another_source(sources: Them, by: str) -> None:
    """It never sent an event, and its list is read."""
    api = {"api": {"base_url": "http://127.0.0.1:9", "client_id": "i", "client_secret": "s" * 20}}
    async with sources() as them:
        them.configure({**SOURCES, "halo": {**HALO, **api}})
        known = Known("of this tenant", {"56": Client(active=True, name=NAME)})
        store = them.it.ledger.store
        await store.redis.set(store.key("catch_ups", "known", "halo"), known.packed())
        name = await (created(them.cw()) if by == "cw" else _asked(them, by))
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "source halo lists client 56" in await them.shown(found)


async def test_called_otherwise_while_it_waits(sources: Them) -> None:
    """Its number and its name were two proofs, and agree no more."""
    async with sources(grace_period="48h") as them:
        found = await them.in_grace(await created(them.cw()))
        await them.cw(name="Quite Another Client")
        found = await them.settle(found.id)
        await them.untouched()
        assert "'Quite Another Client' by now" in await them.shown(found)


async def test_the_newest_name_counts_and_not_the_last_to_come(sources: Them) -> None:
    async with sources(sandbox=account(psa=Psa("autotask", str(COMPANY)))) as them:
        now = them.it.clock()
        await them.at("True", name="Quite Another Client", at=now - timedelta(minutes=1))
        await them.at("True", at=now - timedelta(minutes=2))
        await them.at(name=None, Action="Delete", Fields={})
        (found,) = await them.all_settled()
        assert found.known_name == "Quite Another Client"
        await them.untouched()


def test_what_may_be_another_psas_number_names_nobody_of_the_source_that_asks() -> None:
    org = Organization(id=ORG, name=NAME, psa_ids=("250",), psa_types=("",))
    kinds = {"cw": "manage", "at": "autotask"}
    said = Register("at", "250", "inactive", name=ANOTHER)
    found = further(org, [said], ("cw", "at", "ninja"), kinds, "ninja")
    form = known_as(name=ANOTHER)[0]
    assert ("cw", form) in found
    assert ("ninja", form) not in found
    # Where IT Glue says whose the link is, the number is known to be another one's.
    stated = replace(org, psa_types=("manage",))
    assert not further(stated, [said], ("cw", "at", "ninja"), kinds, "std")


@pytest.mark.parametrize("corrected", [True, False])
async def test_inactive_as_another_organizations(sources: Them, *, corrected: bool) -> None:
    """An event that names two is refused, and takes back nothing that was said of one of them."""
    async with sources(grace_period="48h") as them:
        await them.std("client.active", org_name=NAME)
        await them.std(org_id="201", org_name=NAME)
        await them.all_settled()
        if corrected:
            await them.std(org_name=NAME)
        found = await them.settle(await created(them.cw()), until="scheduled")
        assert found.state == ("scheduled" if corrected else "awaiting_approval")
        assert ("another organization (201)" in await them.shown(found)) is not corrected


# -- links -----------------------------------------------------------------------------------------


async def test_one_number_twice_is_two_companies(rehearse: Rehearse) -> None:
    links = Links({ORG: (("", str(COMPANY)),)})
    async with behind(rehearse(sandbox=account()), links) as it:
        them = Sources(it, sources={"cw": CW})
        found = await them.settle(await created(them.cw()))
        await them.untouched()
        assert found.state == "awaiting_approval"


async def test_a_link_without_its_tenant(sources: Them) -> None:
    async with sources() as them:
        them.configure(TWO_TENANTS)
        found = await them.settle(await created(them.std(psa=LINK, org_name=NAME)))
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "several sources are of the integration manage" in await them.shown(found)


async def test_another_tenants_number_is_not_the_linked_one(rehearse: Rehearse) -> None:
    links = Links({ORG: (("manage", "261"),)})
    async with behind(rehearse(sandbox=account()), links) as it:
        them = Sources(it, sources=TWO_TENANTS)
        await them.cw()
        await them.cw(source="cw2", company=261, name="Somebody Else")
        for each in await them.open():
            await them.settle(each)
        found = await them.settle(await it.ask(org_id=ORG, org_name=NAME))
        await them.untouched()
        assert found.state == "awaiting_approval"


# -- a person's no ---------------------------------------------------------------------------------


async def test_a_no_holds_though_the_organization_is_made_anew(sources: Them) -> None:
    """By its link it is the same client, whatever id IT Glue gave it since."""
    async with sources(grace_period="1h") as them:
        await them.cancel((await them.in_grace(await created(them.cw()))).id)
        them.it.clock.forward(minutes=5)
        there = them.it.world.organizations
        there[999] = replace(there.pop(int(ORG)), id=999)
        found = await them.settle(await created(them.std(org_name=NAME)))
        assert await them.it.deletes() == []
        assert "declined" in await them.shown(found)
        assert "unglue unprotect 999" in await them.shown(found)


async def test_a_namesake_with_a_long_name_ends_no_no(sources: Them) -> None:
    name = ("Violet Pump Works " + "of the northern and the southern hills " * 5).strip()
    async with sources(sandbox=account(name=name, psa=None), grace_period="1h") as them:
        await them.cancel((await them.in_grace(await created(them.ninja(name=name)))).id)
        them.it.clock.forward(minutes=5)
        await them.ninja("CLIENT_CREATED", number=8, name=name)
        them.it.clock.forward(minutes=5)
        await them.ninja(number=8, name=name)
        (found,) = await them.all_settled()
        assert "declined" in await them.shown(found)
