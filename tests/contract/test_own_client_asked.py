"""NinjaOne and HaloPSA, whose numbers no link in IT Glue holds: their own client is asked about."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from service.sandbox.psa.oauth import OAUTH_KEYS
from service.sandbox.psa.tenant import Tenant
from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.rehearsal import Rehearsal
from tests.support.sources import HALO, NAME, NINJA, Sources, account
from workers.ledger.events.catch_ups import Client, Known
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.psa.companies import Asked

EVENTS = {
    "ninja": {
        "id": 7, "statusCode": "CLIENT_DELETED", "activityType": "SYSTEM",
        "activityTime": 1795435200, "organizationId": 55, "organizationName": NAME,
    },
    "halo": {"client_id": 55, "client_name": NAME, "inactive": True,
             "occurred_at": "2026-11-23T12:00:00Z"},
}  # fmt: skip


Planned = Callable[[str], Awaitable[Deletion]]


@pytest.fixture
def psa(served: tuple[Tenant, str]) -> Tenant:
    served[0].reset()
    return served[0]


@pytest.fixture
def planned(served: tuple[Tenant, str], ledger: Ledger, clock: TestClock) -> Planned:
    """What a first plan of the event's deletion comes to."""
    api = {"api": {**OAUTH_KEYS, "base_url": served[1]}}
    ninja = {name: value for name, value in NINJA.items() if name != "inactive_when"}
    tables = {"ninja": {**ninja, **api}, "halo": {**HALO, **api}}

    async def plan(source: str) -> Deletion:
        sandbox = SandboxSettings(**account())
        async with Rehearsal(ledger, clock, sandbox, {"approval": "never"}) as it:
            them = Sources(it, sources=tables)
            async with Asked(them.settings.sources) as asked:
                it.context = replace(it.context, companies=asked)
                taken = await them.send(source, EVENTS[source])
                assert taken.strongest.deletion_id is not None
                return await it.advance(taken.strongest.deletion_id)

    return plan


def psa_says(found: Deletion) -> str:
    """The verdict of the gate that asks the PSA."""
    assert found.plan is not None
    return {each.gate: each.verdict for each in found.plan.answers}["psa_says"]


@pytest.mark.parametrize("source", ["ninja", "halo"])
async def test_still_there_or_active_cancels(psa: Tenant, planned: Planned, source: str) -> None:
    psa.organization(55, NAME)
    psa.client(55, NAME, active=True)
    found = await planned(source)
    assert (found.state, found.errors[0].code) == ("cancelled", "Cancelled")


@pytest.mark.parametrize("source", ["ninja", "halo"])
async def test_gone_or_inactive_speaks_for_it(psa: Tenant, planned: Planned, source: str) -> None:
    psa.client(55, NAME)
    found = await planned(source)
    assert psa_says(found) == "pass"


@pytest.mark.parametrize("fault", [401, 500])
async def test_no_answer_is_no_news(psa: Tenant, planned: Planned, fault: int) -> None:
    psa.fault = fault
    found = await planned("halo")
    assert found.state == "retrying"
    assert found.waits_for == {401: "psa_refused", 500: "psa_silent"}[fault]


@pytest.mark.usefixtures("psa")
async def test_a_client_that_is_not_there_is_a_persons(planned: Planned) -> None:
    found = await planned("halo")
    assert psa_says(found) != "pass"


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (Client(active=True, name=NAME), "ask"),
        (Client(active=True, name=f"The {NAME}."), "ask"),
        (Client(active=False, name=NAME), "pass"),
        (Client(active=True, name=NAME, missed=True), "pass"),
        (Client(active=True, name="Another"), "pass"),
    ],
    ids=["active", "nearly so called", "inactive", "listed no more", "another name"],
)
@pytest.mark.parametrize("source", ["ninja", "halo"])
async def test_a_duplicate_that_goes_leaves_its_namesake(
    psa: Tenant, planned: Planned, ledger: Ledger, source: str, other: Client, verdict: str
) -> None:
    """The organization is found by its name, which another client has that the list shows."""
    psa.client(55, NAME)
    known = Known("of this tenant", {"55": Client(active=True, name=NAME), "56": other})
    store = ledger.store
    await store.redis.set(store.key("catch_ups", "known", source), known.packed())
    found = await planned(source)
    assert psa_says(found) == verdict
