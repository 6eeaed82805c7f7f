"""What each adapter makes of an event that may say "active" and cannot be read whole.

It holds what it may be about, and never less; what is plainly about something else holds nothing,
and keeps its alert.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.headers import Headers
from adapters.models import Ignored, Reactivated, Rejected, Verdict
from adapters.registry import VENDORS
from tests.support.deliveries import FIXTURES

NOW = datetime(2026, 6, 11, 10, tzinfo=UTC)
CALLBACK: dict[str, Any] = json.loads(
    (FIXTURES / "connectwise" / "company-updated-inactive.body").read_bytes()
)
ACTIVE = {**json.loads(CALLBACK["Entity"]), "status": {"id": 1, "name": "Active"}}
CALLOUT: dict[str, Any] = {
    **json.loads((FIXTURES / "autotask" / "company-update-inactive.body").read_bytes()),
    "Fields": {"IsActive": "True", "CompanyName": "Acme"},
}


def read(vendor: str, body: Any, headers: Any = (), **source: Any) -> tuple[Verdict, ...]:
    recorded = json.loads((FIXTURES / vendor / "source.json").read_text())["source"]
    config = VENDORS[vendor].config.model_validate({**recorded, **source})
    sent = Headers.of([("webhook-id", "m1"), *headers])
    return VENDORS[vendor].read(config, sent, json.dumps(body).encode(), NOW)


def connectwise(**envelope: Any) -> Any:
    return {**CALLBACK, "Entity": json.dumps(ACTIVE), **envelope}


def standard(kind: Any, data: Any, timestamp: Any = "2026-06-10T08:15:02Z") -> Any:
    return {"type": kind, "timestamp": timestamp, "data": data}


def cloud(kind: str, **event: Any) -> Any:
    basis = {"specversion": "1.0", "id": "1", "source": "/tenants/1", "type": kind}
    return {**basis, "data": {"org_id": "5"}, **event}


REST = "crm.example/tenants/1"
OURS = "https://" + REST
WRAPPED = base64.b64encode(b'{"type":"client.active","data":{"org_id":"5"}}').decode()
OWN_TYPES = {"active_types": ["reactivated"], "inactive_types": ["offboarded"]}


@pytest.mark.parametrize(
    ("vendor", "body", "source"),
    [
        *(
            ("connectwise", connectwise(CompanyId=company), {})
            for company in ("", 5, False, "cobalt", " Cobalt")
        ),
        *(
            ("connectwise", connectwise(FromUrl=host), {})
            for host in ("", 5, "eu.myconnectwise.net", "psa.example.com")
        ),
        ("connectwise", connectwise(Entity=json.dumps({**ACTIVE, "_info": "2026-06-10"})), {}),
        ("autotask", {**CALLOUT, "EventTime": "yesterday"}, {}),
        ("autotask", {**CALLOUT, "Guid": None}, {}),
        ("ninjaone", {"id": 1, "statusCode": "client_updated"}, {}),
        ("ninjaone", {"id": 1, "statusCode": "CLIENT_RESTORED"}, {}),
        ("standard", standard("Client.Active", {"org_id": "5"}), {}),
        ("cloudevents", cloud("Reactivated"), OWN_TYPES),
        ("cloudevents", cloud("client.active"), OWN_TYPES),
        ("cloudevents", cloud("com.x.client.Active"), {"active_types": ["com.x.client.active"]}),
        ("cloudevents", cloud("com.example.client.active"), {}),
        *(
            ("standard", standard(kind, {"org_id": "5"}), {})
            for kind in (
                "crm.client.active",
                "crm/clientBack",
                "reactivated",
                "status.changed",
                "org.active",
                "isActive",
                "\u200breactivated",
            )
        ),
        ("standard", standard("reactivated", {"OrgId": 5}), {}),
        *(
            ("standard", body, {})
            for body in (
                {"Type": "client.active", "Data": {"org_id": "5"}},
                {"event": "client.active", "payload": {"id": "5"}},
                {"org_id": "5", "status": "active"},
                {"test": True, "companyName": "Acme"},
            )
        ),
        *(
            ("cloudevents", cloud("client.active", source=source), {"event_source": "/Tenants/1"})
            for source in ("/tenants/1", "/tenants/1/", "tenants/1")
        ),
        ("connectwise", connectwise(Type="company.updated"), {}),
        ("connectwise", connectwise(Type="company_v2"), {}),
        ("autotask", {**CALLOUT, "Guid": "00000000-0000-4000-8000-000000000000"}, {}),
        ("ninjaone", {"id": 1, "statusCode": "ORG_RESTORED"}, {}),
        ("halopsa", {"action": "client.updated", "id": 57}, {}),
        ("halopsa", {"user": {"id": 3}, "event": "Client Updated", "id": 57}, {}),
        ("halopsa", {"user": "bob", "event": "Updated", "id": 57}, {}),
        ("halopsa", {"user": {}, "data": {"for": 57, "inactive": False}}, {}),
        *(
            ("cloudevents", cloud("client.active", source=spelt), {"event_source": OURS})
            for spelt in (OURS + "/", OURS.upper(), "http://crm.example/t%65nants/1", "//" + REST)
        ),
        *(
            ("standard", standard(kind, within), {})
            for kind in ("event", "message")
            for within in (
                {"type": "client.active", "data": {"org_id": "5"}},
                [{"kind": "Client.Active"}],
                {"message": '{"type":"client.inactive","data":{}}'},
            )
        ),
        ("standard", {"type": "event", "payload": {"type": "client.active"}}, {}),
        ("cloudevents", cloud("com.example.relayed", data={"type": "client.active"}), {}),
        ("cloudevents", cloud("client.active", data=None, data_base64="e30="), {}),
        ("cloudevents", cloud("relayed", data=None, data_base64=WRAPPED), {}),
    ],
)
def test_what_may_mean_active_holds(vendor: str, body: Any, source: dict[str, Any]) -> None:
    (verdict,) = read(vendor, body, **source)
    assert isinstance(verdict, Rejected), verdict
    assert verdict.holds


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        ("connectwise", connectwise(CompanyId="Other")),
        (
            "autotask",
            {**CALLOUT, "Guid": "00000000-0000-4000-8000-000000000000", "EntityType": "Ticket"},
        ),
        ("standard", {"test": 2432232314}),
        ("standard", {"event": "ping", "time": "now"}),
        ("cloudevents", cloud("client.active", source="https://crm.example/tenants/2")),
    ],
)
def test_what_is_plainly_another_tenants_holds_nothing(vendor: str, body: Any) -> None:
    bound = {"event_source": OURS} if vendor == "cloudevents" else {}
    (verdict,) = read(vendor, body, **bound)
    assert isinstance(verdict, Rejected), verdict
    assert not verdict.holds


@pytest.mark.parametrize(
    ("vendor", "body", "reason"),
    [
        ("autotask", {**CALLOUT, "EntityType": "Ticket", "EventTime": "x"}, "other_entity"),
        ("autotask", {**CALLOUT, "Action": "Deactivated", "EventTime": "x"}, "webhook_deactivated"),
        ("ninjaone", {"id": 1, "activityTime": "x", "statusCode": "START"}, "other_event"),
        *(
            ("ninjaone", {"id": 1, "statusCode": f"CLIENT_{code}"}, "other_event")
            for code in (
                "DOCUMENT_UPDATED",
                "DOCUMENTATION_DELEGATE_NODE_RESPONSIBILITY_ADDED",
                "CHECKLIST",
                "CHECKLIST_RESTORED",
            )
        ),
        (
            "ninjaone",
            {"id": 1, "activityTime": True, "statusCode": "API_WEBHOOK_CONFIGURATION_UPDATED"},
            "webhook_changed",
        ),
        ("halopsa", {"ticket": {}, "occurred_at": "x"}, "other_entity"),
        ("standard", standard("invoice.paid", {"org_id": "5"}, 1614265330), "other_type"),
        ("cloudevents", cloud("invoice.paid", time="x"), "other_type"),
        ("cloudevents", cloud("org.example.invoice.paid"), "other_type"),
        ("cloudevents", cloud("image.made", data=None, data_base64="iVBORw0KGgo="), "other_type"),
        ("halopsa", {"ticket": {"client_id": 5, "inactive": False}, "x": {}}, "other_entity"),
        ("standard", standard("contract.renewed", {"org_id": "5"}), "other_type"),
        ("standard", standard("user.account.locked", {"user": 5}), "other_type"),
        ("standard", standard("activated", {"user": 5}), "other_type"),
        ("connectwise", connectwise(Type="companyTeam"), "other_entity"),
        ("connectwise", connectwise(Type="CompanyAddress"), "other_entity"),
    ],
)
def test_an_odd_time_of_something_else_is_ignored(vendor: str, body: Any, reason: str) -> None:
    (verdict,) = read(vendor, body)
    assert isinstance(verdict, Ignored), verdict
    assert verdict.reason == reason
    assert bool(verdict.alert) == (reason in {"webhook_deactivated", "webhook_changed"})


@pytest.mark.parametrize(
    ("data", "clients"),
    [
        (
            {"psa": {"integration_type": "manage", "company_id": 5}, "org_name": "Acme"},
            ["psa:manage:5", "name:acme"],
        ),
        ({"psa": {"integration_type": "manage", "company_id": 5}}, ["psa:manage:5"]),
        ({"org_id": 5}, ["org:5"]),
    ],
)
def test_a_number_counts_as_its_digits(data: Any, clients: list[str]) -> None:
    (verdict,) = read("standard", standard("client.active", data))
    assert isinstance(verdict, Reactivated)
    assert [verdict.client, *verdict.also] == clients


def test_an_identity_that_cannot_be_read_holds_beside_what_counts() -> None:
    counts, holds = read("standard", standard("client.active", {"org_id": "12a", "org_name": "A"}))
    assert isinstance(counts, Reactivated)
    assert counts.client == "name:a"
    assert isinstance(holds, Rejected)
    assert (holds.reason, holds.clients, holds.holds) == ("identity_unreadable", (), True)
    assert counts.event_id != holds.event_id


@pytest.mark.parametrize(
    ("body", "clients"),
    [
        (standard("client.active", [{"org_id": "5"}, {"org_id": 6}]), ("org:5", "org:6")),
        (standard("client.active", [{"org_id": "5"}, {"org_id": "6b"}]), ()),
        (standard("reactivated", {"OrgId": 5}), ("org:5",)),
        (standard("reactivated", {"org_id": "5a"}), ()),
        ({"Type": "client.active", "Data": {"org_id": "5"}}, ("org:5",)),
        ({"event": "client.active", "org": 5, "org_id": "5"}, ("org:5",)),
        ({"event": "client.active", "payload": {"id": "5"}}, ()),
    ],
)
def test_whom_it_may_be_about_where_it_is_not_understood(body: Any, clients: Any) -> None:
    """All of its source's, unless it names somebody plainly, wherever that stands."""
    (verdict,) = read("standard", body)
    assert isinstance(verdict, Rejected)
    assert (verdict.clients, verdict.holds) == (clients, True)


def test_the_type_beside_a_body_tells_two_events_apart() -> None:
    def sent(kind: str, name: str) -> Verdict:
        ce = {"specversion": "1.0", "id": name, "source": "/tenants/1", "type": kind}
        headers = [(f"ce-{key}", value) for key, value in ce.items()]
        (verdict,) = read("cloudevents", {"org_id": "5"}, headers)
        return verdict

    assert sent("Client.Active", "a").content != sent("Client.Inactive", "a").content


NINJA = {"id": 1, "activityTime": 1781000000, "statusCode": "CLIENT_CREATED"}


def test_a_client_that_is_active_is_so_under_every_name_that_is_sent() -> None:
    names = {"organizationName": "Acme", "data": {"clientName": "Acme\nLtd"}}
    (verdict,) = read("ninjaone", {**NINJA, "organizationId": 8, **names})
    assert isinstance(verdict, Reactivated)
    assert (verdict.client, verdict.also) == ("id:8", ("name:acme", "name:acme ltd"))


@pytest.mark.parametrize(("name", "known"), [("Acme\x00\n", "name:acme"), (360, "name:360")])
def test_an_odd_name_counts_for_who_is_active(name: object, known: str) -> None:
    body = {"client_id": 8, "client_name": name, "inactive": False}
    (verdict,) = read("halopsa", body)
    assert isinstance(verdict, Reactivated)
    assert known in verdict.also


def test_who_was_restored_without_a_name_may_be_any() -> None:
    counts, holds = read("ninjaone", {**NINJA, "organizationId": 8})
    assert isinstance(counts, Reactivated)
    assert isinstance(holds, Rejected)
    assert (counts.client, holds.clients, holds.holds) == ("id:8", (), True)


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        ("connectwise", connectwise(ID="250 ", Entity=json.dumps({**ACTIVE, "id": None}))),
        ("connectwise", connectwise(ID=None, Entity=json.dumps({"name": "Acme"}))),
        ("autotask", {**CALLOUT, "Id": "x7"}),
        ("standard", standard("Client.Active", {"org_id": "12a", "org_name": "Acme"})),
        ("cloudevents", cloud("Client.Active", data={"org_id": "12a", "org_name": "Acme"})),
        ("ninjaone", {**NINJA, "organizationId": "x7", "organizationName": "Acme"}),
        ("halopsa", {"client_id": "$client_id", "client_name": "Acme", "inactive": False}),
        ("halopsa", {"client_id": 8, "client_name": ["Acme"], "inactive": "maybe"}),
    ],
)
def test_whom_it_names_by_what_cannot_be_read_may_be_anybody(vendor: str, body: Any) -> None:
    (verdict,) = read(vendor, body)
    assert isinstance(verdict, Rejected), verdict
    assert (verdict.clients, verdict.holds) == ((), True)


def test_an_active_client_whose_name_cannot_be_read_may_be_any() -> None:
    body = {"client_id": 8, "client_name": ["Acme"], "inactive": False}
    counts, holds = read("halopsa", body)
    assert isinstance(counts, Reactivated)
    assert isinstance(holds, Rejected)
    assert (counts.client, holds.clients, holds.holds) == ("id:8", (), True)


def test_what_a_header_cannot_carry_is_encoded_in_it() -> None:
    source = {"active_types": ["Kunde aktiv"], "event_source": "/mandanten/m\u00fcller"}
    ce = {"specversion": "1.0", "id": "1", "source": "/mandanten/m%C3%BCller"}
    headers = [(f"ce-{key}", value) for key, value in {**ce, "type": "Kunde%20aktiv"}.items()]
    (verdict,) = read("cloudevents", {"org_id": "5"}, headers, **source)
    assert isinstance(verdict, Reactivated)
