"""NinjaOne and HaloPSA, whose numbers no link in IT Glue holds: their own client is asked about."""

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


async def planned(
    served: tuple[Tenant, str], ledger: Ledger, clock: TestClock, source: str
) -> Deletion:
    """What a first plan of the event's deletion comes to."""
    _, url = served
    api = {"api": {**OAUTH_KEYS, "base_url": url}}
    ninja = {name: value for name, value in NINJA.items() if name != "inactive_when"}
    tables = {"ninja": {**ninja, **api}, "halo": {**HALO, **api}}
    sandbox = SandboxSettings(**account())
    async with Rehearsal(ledger, clock, sandbox, {"approval": "never"}) as it:
        them = Sources(it, sources=tables)
        async with Asked(them.settings.sources) as asked:
            it.context = replace(it.context, companies=asked)
            taken = await them.send(source, EVENTS[source])
            assert taken.strongest.deletion_id is not None
            return await it.advance(taken.strongest.deletion_id)


@pytest.mark.parametrize("source", ["ninja", "halo"])
async def test_still_there_or_active_cancels(
    served: tuple[Tenant, str], ledger: Ledger, clock: TestClock, source: str
) -> None:
    psa, _ = served
    psa.reset()
    psa.organization(55, NAME)
    psa.client(55, NAME, active=True)
    found = await planned(served, ledger, clock, source)
    assert (found.state, found.errors[0].code) == ("cancelled", "Cancelled")


@pytest.mark.parametrize("source", ["ninja", "halo"])
async def test_gone_or_inactive_speaks_for_it(
    served: tuple[Tenant, str], ledger: Ledger, clock: TestClock, source: str
) -> None:
    psa, _ = served
    psa.reset()
    psa.client(55, NAME)
    found = await planned(served, ledger, clock, source)
    assert found.plan is not None
    says = {each.gate: each.verdict for each in found.plan.answers}
    assert says["psa_says"] == "pass"


@pytest.mark.parametrize("fault", [401, 500])
async def test_no_answer_is_no_news(
    served: tuple[Tenant, str], ledger: Ledger, clock: TestClock, fault: int
) -> None:
    psa, _ = served
    psa.reset()
    psa.fault = fault
    found = await planned(served, ledger, clock, "halo")
    assert found.state == "retrying"
    assert found.waits_for == {401: "psa_refused", 500: "psa_silent"}[fault]


async def test_a_client_that_is_not_there_is_a_persons(
    served: tuple[Tenant, str], ledger: Ledger, clock: TestClock
) -> None:
    psa, _ = served
    psa.reset()
    found = await planned(served, ledger, clock, "halo")
    assert found.plan is not None
    says = {each.gate: each.verdict for each in found.plan.answers}
    assert says["psa_says"] != "pass"


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
    served: tuple[Tenant, str],
    ledger: Ledger,
    clock: TestClock,
    source: str,
    other: Client,
    verdict: str,
) -> None:
    """The organization is found by its name, which another client has that the list shows."""
    psa, _ = served
    psa.reset()
    psa.client(55, NAME)
    known = Known("of this tenant", {"55": Client(active=True, name=NAME), "56": other})
    store = ledger.store
    await store.redis.set(store.key("catch_ups", "known", source), known.packed())
    found = await planned(served, ledger, clock, source)
    assert found.plan is not None
    assert [it.verdict for it in found.plan.answers if it.gate == "psa_says"] == [verdict]
