"""Each vendor's sandbox: registered, a status changes, it is sent, deleted, and called back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.doctor.registered import compared
from service.sandbox.psa.app import create_vendor
from service.sandbox.psa.autotask import AT_KEYS
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.oauth import OAUTH_KEYS
from service.sandbox.psa.sending import Outgoing
from service.sandbox.psa.tenant import Tenant
from service.sandbox.settings import SandboxSettings
from service.sandbox.shapes import Psa
from tests.integration.test_catch_up import way_of
from tests.support.clock import TestClock
from tests.support.receiver import receiving
from tests.support.rehearsal import KEY, RELAXED, Rehearsal
from tests.support.serve import serve
from tests.support.service import SECRET, configured, running_service
from tests.support.sources import COMPANY, NAME, account
from workers.bulk.catch_up.walk import Way, advance_catch_up
from workers.ledger.events.catch_ups import CatchUp
from workers.ledger.ledger import Ledger
from workers.outbox.outgoing import Means
from workers.outbox.sender import Sender
from workers.pipeline.states import AWAITING_APPROVAL
from workers.psa.companies import Asked
from workers.settings import Settings

FIXTURES = Path(__file__).parent.parent / "fixtures"
PUBLIC = "https://unglue.example.com"
GUID = "11111111-2222-4333-8444-555555555555"
BEARER = "Bearer a long shared secret"


def source(vendor: str, url: str) -> dict[str, Any]:
    match vendor:
        case "connectwise":
            return {
                "vendor": vendor, "host": "na.myconnectwise.net", "company": "Cobalt",
                "key_origin": url, "confirm_delete": True, "api": {**CW_KEYS, "base_url": url},
            }  # fmt: skip
        case "autotask":
            return {
                "vendor": vendor, "secrets": ["sixteen characters"], "webhook_guid": GUID,
                "confirm_delete": True, "api": {**AT_KEYS, "base_url": url},
            }  # fmt: skip
        case "ninjaone":
            api = {**OAUTH_KEYS, "base_url": url}
            return {"vendor": vendor, "secrets": [BEARER], "api": api}
        case _:
            api = {**OAUTH_KEYS, "base_url": url}
            secret = BEARER.removeprefix("Bearer ")
            return {"vendor": vendor, "auth": "bearer", "secrets": [secret], "api": api}


@pytest.mark.parametrize("vendor", ["connectwise", "autotask", "ninjaone", "halopsa"])
async def test_from_the_registration_to_the_callback(
    vendor: str, ledger: Ledger, valkey_url: str, clock: TestClock
) -> None:
    clock.now = datetime.now(UTC)
    tenant = Tenant()
    app = create_vendor(vendor, tenant)
    kind = {"connectwise": "manage", "autotask": "autotask"}.get(vendor)
    link = {"psa": Psa(kind, str(COMPANY))} if kind else {}
    sandbox = SandboxSettings(**account(**link), removal_seconds=0)
    async with (
        receiving() as receiver,
        Rehearsal(ledger, clock, sandbox, {}) as it,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        with serve(app) as url:
            settings = configured(
                valkey_url,
                itglue={"base_url": it.url, "api_key": KEY},
                public_url=PUBLIC,
                callback={"url": receiver.url, "secrets": [SECRET], "allow_private_networks": True},
                policy={"export": False, **RELAXED},
                sources={"them": source(vendor, url)},
            )
            it.set_settings(settings)
            config = settings.sources["them"]
            if vendor == "halopsa":
                header = {"name": "Authorization", "value": BEARER}
                hook = {"url": f"{PUBLIC}/webhooks/them", "headers": [header]}
                (await http.put(f"{url}/_sandbox/webhook", json=hook)).raise_for_status()
            else:
                done = [each async for each in compared("them", config, PUBLIC, repair=True)]
                assert "was registered" in done[0].message
            for webhook in tenant.webhooks:
                # As it is then put into the configuration.
                webhook["webhookGUID"] = GUID
            with running_service(settings) as service:
                app.state.outgoing.origin = service.url
                change = {"name": NAME, "active": False, "deleted": vendor == "ninjaone"}
                where = f"{url}/_sandbox/clients/{COMPANY}"
                assert (await http.post(where, json=change)).json() == {"deliveries": 1}
                (sent,) = (await http.get(f"{url}/_sandbox/deliveries")).json()
                assert (sent["fate"], sent["answers"]) == ("delivered", [202])
                (deletion,) = await ledger.listing.open()
                async with Asked(settings.sources) as asked:
                    it.context = replace(it.context, companies=asked)
                    clock.now = datetime.now(UTC) + timedelta(seconds=1)
                    found = await it.advance(deletion.id)
                    if found.state == AWAITING_APPROVAL:
                        assert vendor in {"ninjaone", "halopsa"}
                        shown = service.call("GET", f"/v1/deletions/{deletion.id}").json()
                        seen = {"digest": shown["approval"]["digest"], "reason": "gone"}
                        path = f"/v1/deletions/{deletion.id}/approve"
                        said = service.call("POST", path, operator="carol", json=seen)
                        assert said.status_code == 200, said.text
                        clock.now = datetime.now(UTC) + timedelta(seconds=1)
                    result = await it.run(deletion.id)
            assert (result["success"], result["deleted"], result["org_id"]) == (True, True, "401")
            means = Means(ledger, settings, clock, Random(7))  # noqa: S311 - jitter
            sender = Sender(means)
            await sender.round()
            await sender.settled()
        (called,) = receiver.received
        assert b'"deleted":true' in called.body.replace(b" ", b"")
        assert not await it.exists("401")


@pytest.mark.parametrize("vendor", ["connectwise", "autotask", "ninjaone", "halopsa"])
async def test_what_got_lost_is_found(vendor: str, ledger: Ledger, clock: TestClock) -> None:
    clock.now = datetime.now(UTC)
    tenant = Tenant()
    app = create_vendor(vendor, tenant)
    with serve(app) as url:
        tenant.organization(COMPANY, NAME)
        tenant.client(COMPANY, NAME, active=True)
        settings = Settings(itglue={"api_key": "ITG.x"}, sources={"cw": source(vendor, url)})
        tenant.webhook = {"url": f"{PUBLIC}/webhooks/cw"}
        async with Asked(settings.sources) as asked, httpx.AsyncClient(trust_env=False) as http:
            way = way_of(ledger, clock, settings, asked)
            await caught_up(way)
            await http.post(f"{url}/_sandbox/mishaps", json={"lose": 1})
            change = {"name": NAME, "active": False, "deleted": vendor == "ninjaone"}
            await http.post(f"{url}/_sandbox/clients/{COMPANY}", json=change)
            assert await ledger.listing.open() == []
            clock.forward(minutes=10)
            run = await caught_up(way)
        assert (run.inactive, run.active, run.fault) == (1, 0, "")
        (deletion,) = await ledger.listing.open()
        assert deletion.request.org_name == NAME


async def caught_up(way: Way) -> CatchUp:
    """A whole run."""
    await way.ledger.catch_ups.begin("cw", None, way.clock())
    run = await advance_catch_up("cup_cw", way)
    assert run is not None
    while run.finished_at is None:
        run = await advance_catch_up("cup_cw", way)
        assert run is not None
    return run


# -- how they send ---------------------------------------------------------------------------


class Service:
    """Answers with what it is told, and keeps what came."""

    def __init__(self) -> None:
        self.status = 202
        self.bodies: list[str] = []

    def app(self) -> Starlette:
        async def hook(request: Request) -> Response:
            self.bodies.append((await request.body()).decode())
            return JSONResponse({}, self.status)

        return Starlette(routes=[Route("/webhooks/them", hook, methods=["POST"])])


class Rig:
    """A vendor with one registered webhook, and a service to send to."""

    def __init__(self, url: str, service: Service, tenant: Tenant, out: Outgoing) -> None:
        self.url, self.service, self.tenant, self.out = url, service, tenant, out

    def change(self, number: int, **more: Any) -> None:
        content = {"name": f"Client {number}", "active": False, **more}
        httpx.post(f"{self.url}/_sandbox/clients/{number}", json=content).raise_for_status()

    def spoil(self, **mishaps: Any) -> None:
        httpx.post(f"{self.url}/_sandbox/mishaps", json=mishaps).raise_for_status()

    def sent(self) -> list[tuple[str, list[int | None]]]:
        found = httpx.get(f"{self.url}/_sandbox/deliveries", timeout=20).json()
        return [(each["fate"], each["answers"]) for each in found]


@contextmanager
def rig(vendor: str) -> Iterator[Rig]:
    tenant, service = Tenant(), Service()
    hook = f"{PUBLIC}/webhooks/them"
    tenant.callbacks = [{"id": 7, "url": f"{hook}?recordId=", "type": "company"}]
    tenant.webhooks = [{"id": 1, "webhookUrl": hook, "isActive": True, "webhookGUID": GUID,
                        "secretKey": "s" * 16}]  # fmt: skip
    tenant.webhook = {"url": hook}
    app = create_vendor(vendor, tenant, pace=0.001)
    with serve(service.app()) as origin, serve(app) as url:
        app.state.outgoing.origin = origin
        yield Rig(url, service, tenant, app.state.outgoing)


@pytest.mark.parametrize(
    ("vendor", "status", "attempts"),
    [("connectwise", 503, 1), ("connectwise", 429, 3), ("autotask", 503, 5), ("ninjaone", 503, 1)],
)
def test_what_they_try_again(vendor: str, status: int, attempts: int) -> None:
    with rig(vendor) as it:
        it.service.status = status
        it.change(5, deleted=vendor == "ninjaone")
        assert it.sent() == [("given_up", [status] * attempts)]
        assert len(it.tenant.errors) == (vendor == "autotask")


def test_when_they_switch_it_off() -> None:
    with rig("autotask") as it:
        it.service.status = 500
        for number in range(1, 6):
            it.change(number)
            it.sent()
        assert it.tenant.webhooks[0]["isActive"] is False
        it.change(9)
        assert len(it.sent()) == 5
    with rig("connectwise") as it:
        clock = TestClock()
        it.tenant.clock = clock
        it.service.status = 500
        for days in (0, 2, 1):
            clock.forward(days=days)
            assert not it.tenant.callbacks[0].get("inactiveFlag")
            it.change(5)
            it.sent()
        assert it.tenant.callbacks[0]["inactiveFlag"] is True


def test_lost_doubled_and_overtaken() -> None:
    with rig("halopsa") as it:
        it.spoil(lose=1)
        it.change(1)
        it.spoil(double=1)
        it.change(2)
        it.sent()
        it.spoil(reorder=1, delay=0.01)
        it.change(3)
        it.change(4)
        assert [fate for fate, _ in it.sent()] == ["lost", *["delivered"] * 3]
        came = [body.split('"client_id":"')[1][0] for body in it.service.bodies]
        assert came == ["2", "2", "4", "3"]


@pytest.mark.parametrize(
    ("vendor", "fixture", "optional"),
    [
        ("connectwise", "company-updated-inactive", {"PartnerId", "ProductInstanceId"}),
        ("autotask", "company-update-inactive", set[str]()),
        ("halopsa", "client-inactive", set[str]()),
    ],
)
def test_the_shapes_are_the_fixtures(vendor: str, fixture: str, optional: set[str]) -> None:
    known = json.loads((FIXTURES / vendor / f"{fixture}.body").read_text())
    with rig(vendor) as it:
        it.tenant.fields = [
            {"webhookID": 1, "fieldID": number, "isDisplayAlwaysField": True} for number in (3, 5)
        ]
        it.change(5)
        it.sent()
    (body,) = it.service.bodies
    sent = json.loads(body)
    assert set(sent) | optional == set(known)
    assert {type(value) for value in sent.values()} <= {type(value) for value in known.values()}
    if vendor == "connectwise":
        entity, model = json.loads(sent["Entity"]), json.loads(known["Entity"])
        assert set(entity) <= set(model)
