"""The PSA is asked before a deletion: what it says now counts, whatever was sent before."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.sandbox.psa.autotask import AT_KEYS
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.tenant import Tenant
from service.sandbox.shapes import Psa
from tests.contract.conftest import Rehearse
from tests.support.links import Links
from tests.support.sources import AT, COMPANY, CW, NAME, ORG, STD, Sources, account
from tests.support.sweeps import Sweeping
from workers.audit.in_force import policy_digest
from workers.intake.intake import Acknowledged
from workers.ledger.records import Deletion
from workers.psa.companies import Asked, Nobody

OTHER = 261


@pytest.fixture
def psa(served: tuple[Tenant, str]) -> Tenant:
    """A PSA in which the client that left is inactive."""
    known, _ = served
    known.reset()
    known.company(COMPANY, NAME)
    known.account(COMPANY, NAME)
    return known


Asking = Callable[..., AbstractAsyncContextManager[Sources]]


@pytest.fixture
def asking(rehearse: Rehearse, served: tuple[Tenant, str]) -> Asking:
    """An installation with credentials for its PSAs."""
    url = served[1]
    cw: Mapping[str, Any] = {**CW, "api": {**CW_KEYS, "base_url": url}}
    at: Mapping[str, Any] = {**AT, "api": {**AT_KEYS, "base_url": url}}

    @asynccontextmanager
    async def make(
        *faults: str,
        links: Links | None = None,
        org: Mapping[str, Any] | None = None,
        cw: Mapping[str, Any] = cw,
        at: Mapping[str, Any] = at,
        **policy: Any,
    ) -> AsyncIterator[Sources]:
        rehearsal = rehearse(*faults, sandbox=account(**(org or {})), **policy)
        if links is not None:
            rehearsal.in_front = links.in_front
        async with rehearsal as it:
            them = Sources(it, sources={"cw": cw, "at": at, "std": STD})
            async with Asked(them.settings.sources) as companies:
                it.context = replace(it.context, companies=companies)
                yield them

    return make


async def begun(sent: Acknowledged) -> str:
    receipt = sent.strongest
    assert receipt.verdict == "accepted", receipt
    return str(receipt.deletion_id)


async def ended(them: Sources, deletion_id: str, state: str) -> Deletion:
    """Settled, in this state, with the organization gone only if it is "deleted"."""
    found = await them.settle(deletion_id)
    assert found.state == state, (found.state, found.errors)
    assert len(await them.it.deletes()) == (state == "deleted")
    assert await them.it.exists(ORG) == (state != "deleted")
    return found


# -- what lets it go ------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["cw", "at"])
async def test_inactive_in_the_psa_too(asking: Asking, psa: Tenant, source: str) -> None:
    org = {"psa": Psa("manage" if source == "cw" else "autotask", str(COMPANY))}
    async with asking(org=org) as them:
        found = await ended(them, await begun(await getattr(them, source)()), "deleted")
        journal = await them.it.journal(found.id)
        assert psa.reads == journal.count("psa_asked") == 2
        assert found.plan is not None
        assert ("psa_says", "pass") in {(each.gate, each.verdict) for each in found.plan.answers}


async def test_whoever_asks_nobody_decides_as_before(asking: Asking, psa: Tenant) -> None:
    seen = {}
    quiet = {"cw": {**CW}, "switched_off": {**CW, "ask_source": False, "api": CW_KEYS}}
    for name, cw in quiet.items():
        async with asking(cw=cw, at=AT, mode="preview") as them:
            plan = (await them.settle(await begun(await them.cw()))).plan
            assert plan is not None
            seen[name] = (plan.digest, policy_digest(them.settings))
            assert "psa_says" not in {answer.gate for answer in plan.answers}
    assert seen["cw"] == seen["switched_off"]
    assert psa.asked == []
    async with asking(at=AT) as them:
        assert policy_digest(them.settings) != seen["cw"][1]


# -- active ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["delete", "soft_delete"])
async def test_active_whatever_was_sent(asking: Asking, psa: Tenant, mode: str) -> None:
    psa.company(COMPANY, NAME, 1)
    org = {"psa": Psa("manage", str(COMPANY), synced=False)}
    async with asking(org=org, mode=mode) as them:
        found = await ended(them, await begun(await them.cw()), "cancelled")
        assert "is active in the PSA" in found.errors[-1].message
        assert await them.it.journal(found.id) == ["created", "psa_asked", "active_in_psa", "ended"]
        # When it really leaves, it goes.
        psa.company(COMPANY, NAME, 12)
        again = await begun(await them.cw())
        assert again != found.id
        assert (await them.settle(again)).state == (
            "deleted" if mode == "delete" else "soft_deleted"
        )


async def test_the_flag_counts_and_not_the_name(asking: Asking, psa: Tenant) -> None:
    psa.statuses[2] = ("Inactive", False)
    async with asking() as them:
        await ended(them, await begun(await them.cw()), "cancelled")


@pytest.mark.parametrize("mode", ["delete", "soft_delete"])
async def test_active_between_plan_and_call(asking: Asking, psa: Tenant, mode: str) -> None:
    psa.before[2] = lambda: psa.company(COMPANY, NAME, 1)
    async with asking(mode=mode) as them:
        found = await ended(them, await begun(await them.cw()), "cancelled")
        assert psa.reads == 3
        journal = await them.it.journal(found.id)
        assert journal == ["created", "psa_asked", "planned", "psa_asked", "plan_moved",
                           "psa_asked", "active_in_psa", "ended"]  # fmt: skip


async def test_active_after_an_unanswered_call(asking: Asking, psa: Tenant) -> None:
    """The DELETE was lost on the way: it is not sent again for a client that is active."""
    async with asking("drop-before") as them:
        psa.before[3] = lambda: psa.company(COMPANY, NAME, 1)
        found = await them.settle(await begun(await them.cw()))
        assert found.state == "failed"
        assert found.errors[-1].code == "DeletionUnverified"
        assert len(await them.it.deletes()) == 1
        assert await them.it.exists(ORG)


async def test_silent_after_an_unanswered_call(asking: Asking, psa: Tenant) -> None:
    async with asking("drop-before") as them:

        def silence() -> None:
            psa.fault = 503

        psa.before[3] = silence
        found = await them.settle(await begun(await them.cw()))
        assert found.state == "failed"
        assert found.errors[-1].code == "DeletionUnverified"
        assert "psa_silent" in await them.it.journal(found.id)
        assert len(await them.it.deletes()) == 1
        assert await them.it.exists(ORG)


# -- not to be asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before_the_plan", "before_the_call"])
@pytest.mark.parametrize("fault", [503, 429, 400])
async def test_a_psa_away_is_waited_for(asking: Asking, psa: Tenant, when: str, fault: int) -> None:
    def away() -> None:
        psa.fault = fault

    async with asking() as them:
        deletion = await begun(await them.cw())
        if when == "before_the_plan":
            away()
        else:
            psa.before[2] = away
        found = await them.it.advance(deletion)
        if when == "before_the_call":
            assert found.step == "delete"
        for _ in range(12):
            assert (found.state, found.waits_for, found.attempts) == ("retrying", "psa_silent", 0)
            assert found.ready_at - them.it.clock() >= timedelta(minutes=1)
            them.it.clock.now = found.ready_at
            found = await them.it.advance(deletion)
        assert (await them.it.journal(deletion)).count("psa_silent") == 1
        assert await them.it.deletes() == []
        psa.fault = None
        found = await ended(them, deletion, "deleted")
        assert found.waits_for == ""


async def test_how_long_it_asks_to_be_left_alone(asking: Asking, psa: Tenant) -> None:
    psa.fault, psa.headers = 429, {"retry-after": "1800"}
    async with asking() as them:
        found = await them.it.advance(await begun(await them.cw()))
        assert found.ready_at == them.it.clock() + timedelta(minutes=30)


async def test_a_day_is_waited_and_no_longer(asking: Asking, psa: Tenant) -> None:
    psa.fault = 503
    async with asking() as them:
        start = them.it.clock()
        found = await ended(them, await begun(await them.cw()), "failed")
        assert found.errors[-1].code == "PsaUnreachable"
        assert them.it.clock() - start >= them.settings.policy.eligibility_window


async def test_active_when_it_is_back(asking: Asking, psa: Tenant) -> None:
    psa.fault = 503
    async with asking() as them:
        deletion = await begun(await them.cw())
        await them.it.advance(deletion)
        psa.fault = None
        psa.company(COMPANY, NAME, 1)
        await ended(them, deletion, "cancelled")


async def test_a_process_without_a_way_waits(asking: Asking, psa: Tenant) -> None:
    async with asking() as them:
        them.it.context = replace(them.it.context, companies=Nobody())
        found = await them.it.advance(await begun(await them.cw()))
        assert (found.state, found.waits_for) == ("retrying", "psa_silent")
        assert psa.asked == []


@pytest.mark.parametrize("fault", [401, 403])
async def test_refused_credentials_stand_still(asking: Asking, psa: Tenant, fault: int) -> None:
    psa.fault = fault
    async with asking() as them:
        deletions = [await begun(await them.cw())]
        for _ in range(12):
            found = await them.it.advance(deletions[0])
            assert (found.state, found.waits_for) == ("retrying", "psa_refused")
            them.it.clock.now = found.ready_at + timedelta(hours=6)
        assert await them.it.deletes() == []
        assert (await them.it.journal(deletions[0])).count("psa_silent") == 1
        psa.fault = None
        await ended(them, deletions[0], "deleted")


async def test_refused_credentials_are_told_once(asking: Asking, psa: Tenant) -> None:
    psa.fault = 401
    async with asking() as them:
        deletion = await begun(await them.cw())
        notices = them.it.ledger.notices
        for _ in range(3):
            found = await them.it.advance(deletion)
            them.it.clock.now = found.ready_at
        due = [await notices.get(each) for each in await notices.due(them.it.clock())]
        (told,) = [notice for notice in due if notice.kind == "psa_refused"]
        assert told.detail["source"] == "cw"
        assert "sources.cw.api" in told.detail["detail"]


# -- a person's to decide -------------------------------------------------------------------------


@pytest.mark.parametrize("deleted", ["", "action", "flag"])
@pytest.mark.parametrize("source", ["cw", "at"])
async def test_gone_from_the_psa(asking: Asking, psa: Tenant, source: str, deleted: str) -> None:
    psa.companies.clear()
    psa.accounts.clear()
    org = {"psa": Psa("manage" if source == "cw" else "autotask", str(COMPANY))}
    async with asking(org=org) as them:
        if source == "at":
            said: dict[str, Any] = {"Action": "Delete"} if deleted else {}
            sent = await them.at(**said)
        elif deleted == "flag":
            entity = (
                f'{{"id": {COMPANY}, "name": "{NAME}", "deletedFlag": true, '
                f'"_info": {{"lastUpdated": "{them._at(None)}"}}}}'
            )
            sent = await them.cw(Entity=entity)
        else:
            said = {"Action": "deleted"} if deleted else {}
            sent = await them.cw(**said)
        deletion = await begun(sent)
        if deleted:
            await ended(them, deletion, "deleted")
            return
        found = await ended(them, deletion, "awaiting_approval")
        assert "no event said that it was deleted" in asked_of(found)


def asked_of(found: Deletion) -> str:
    assert found.plan is not None
    return next(each.message for each in found.plan.asks if each.gate == "psa_says")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"name": "Violet Pump Works Ltd"}, "called otherwise"),
        ({"name": NAME.lower()}, "they differ only in"),
        ({"id": 251}, "showed company 251"),
    ],
)
async def test_another_company_than_was_meant(
    asking: Asking, psa: Tenant, record: dict[str, Any], words: str
) -> None:
    psa.company(COMPANY, NAME, 2, record)
    async with asking() as them:
        found = await ended(them, await begun(await them.cw()), "awaiting_approval")
        assert words in asked_of(found)
        # Whoever is shown that may approve it; what is shown must then stay so.
        await them.approve(found)
        psa.company(COMPANY, "Somebody Else", 2)
        found = await ended(them, found.id, "awaiting_approval")
        await them.approve(found)
        await ended(them, found.id, "deleted")


async def test_a_number_that_is_none(asking: Asking, psa: Tenant) -> None:
    links = Links({ORG: (("manage", "../../../system/info"),)})
    async with asking(links=links) as them:
        found = await ended(them, await begun(await them.cw()), "awaiting_approval")
        assert "no number of a company" in asked_of(found)
        assert not [path for path in psa.asked if "system" in path]


# -- several links --------------------------------------------------------------------------------


async def test_two_links_one_of_them_active(asking: Asking, psa: Tenant) -> None:
    psa.company(OTHER, NAME, 1)
    async with asking(links=Links({ORG: (("manage", str(OTHER)),)}), at=AT) as them:
        found = await ended(them, await begun(await them.cw()), "cancelled")
        assert f"company {OTHER} of source cw" in found.errors[-1].message


async def test_the_other_one_is_another_psas(asking: Asking, psa: Tenant) -> None:
    psa.account(OTHER, NAME, active=True)
    async with asking(links=Links({ORG: (("autotask", str(OTHER)),)})) as them:
        found = await ended(them, await begun(await them.cw()), "awaiting_approval")
        assert f"company {OTHER} of source at" in asked_of(found)
        assert "is active in the PSA" in asked_of(found)


async def test_the_other_one_cannot_be_asked(asking: Asking, psa: Tenant) -> None:
    """One that answers does not make up for one that does not."""
    links = Links({ORG: (("autotask", str(OTHER)),)})
    at = {**AT, "api": {**AT_KEYS, "secret": "wrong", "base_url": "http://127.0.0.1:1"}}
    async with asking(links=links, at=at) as them:
        found = await them.it.advance(await begun(await them.cw()))
        assert (found.state, found.waits_for) == ("retrying", "psa_silent")
        assert psa.reads <= 1


@pytest.mark.parametrize("active", [True, False])
async def test_a_person_asked_for_it(asking: Asking, psa: Tenant, *, active: bool) -> None:
    """By name, over the API: its linked company is asked all the same, and a person decides."""
    psa.company(COMPANY, NAME, 1 if active else 2)
    types = Links(types={ORG: "ConnectWise Manage"})
    async with asking(links=types) as them:
        deletion = await them.it.ask(org_id=ORG, org_name=NAME)
        found = await ended(them, deletion, "awaiting_approval" if active else "deleted")
        if active:
            assert "is active in the PSA" in asked_of(found)


async def test_another_sender_asked_for_it(asking: Asking, psa: Tenant) -> None:
    psa.company(COMPANY, NAME, 1)
    link = {"integration_type": "manage", "company_id": str(COMPANY)}
    async with asking() as them:
        sent = await them.std(org_name=NAME, psa=link)
        await ended(them, await begun(sent), "awaiting_approval")


@pytest.mark.parametrize("active", [True, False])
async def test_a_schedule_asked_for_it(asking: Asking, psa: Tenant, *, active: bool) -> None:
    """It has no source of its own, so any PSA's word ends it."""
    psa.company(COMPANY, NAME, 1 if active else 2)
    async with asking(links=Links(types={ORG: "ConnectWise Manage"})) as them:
        sweeping = Sweeping(them.it)
        schedules = them.it.settings.schedules
        them.it.set_settings(them.settings.model_copy(update={"schedules": schedules}))
        await sweeping.summary()
        (deletion,) = await sweeping.deletions()
        await ended(them, deletion.id, "cancelled" if active else "deleted")
