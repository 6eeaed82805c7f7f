"""NinjaOne activities: what is proved, and where the organization may stand."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.models import Ignored, Reactivated, Rejected, Request, Verdict
from adapters.ninjaone.adapter import NinjaOne
from adapters.ninjaone.config import NinjaOneConfig
from tests.support.deliveries import only

ADAPTER = NinjaOne()
NOW = datetime(2026, 6, 11, 10, tzinfo=UTC)
SECRETS = ("Bearer test-header-secret-1", "Bearer test-header-secret-0")
TEMPLATE = "Organization '{name}' deleted"
CONVENTION = {"pointer": "/organization/userData/state", "equals": ["Offboarded", True, 9]}


def config(**changes: Any) -> NinjaOneConfig:
    return NinjaOneConfig(**{"vendor": "ninjaone", "secrets": SECRETS} | changes)


def activity(**changes: Any) -> dict[str, Any]:
    return {
        "id": 12940,
        "activityTime": 1592600700.0,
        "activityType": "SYSTEM",
        "statusCode": "CLIENT_DELETED",
        "userId": 3,
        "data": {},
    } | changes


def read(message: Any, **settings: Any) -> tuple[Verdict, ...]:
    return ADAPTER.read(config(**settings), Headers(()), json.dumps(message).encode(), NOW)


ORGANIZATION = {"id": 500, "name": "Example Client"}


@pytest.mark.parametrize(
    "place",
    [
        {"organization": ORGANIZATION},
        {"organizationId": 500, "organizationName": "Example Client"},
        {"data": {"organization": ORGANIZATION}},
        {"data": {"organizationId": "500", "organizationName": "Example Client"}},
        {"data": {"clientId": 500, "clientName": "Example Client"}},
        {"organization": ORGANIZATION, "organizationId": 500, "data": {"organizationId": "500"}},
    ],
)
def test_wherever_the_organization_stands(place: dict[str, Any]) -> None:
    verdict = only(read(activity(**place)))
    assert isinstance(verdict, Request)
    assert verdict.event_id == "12940"
    assert verdict.client == "id:500"
    assert verdict.actor == "3"
    assert verdict.occurred_at == datetime(2020, 6, 19, 21, 5, tzinfo=UTC)
    assert verdict.request.plain() == {
        "org_name": "Example Client",
        "confirm_delete": False,
        "dry_run": False,
        "force_delete": False,
        "reason": "NinjaOne organization 500 was deleted",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "name_missing"),
        ({"organizationId": 500}, "name_missing"),
        ({"organizationId": 500, "organization": {"id": 501}}, "organization_id_ambiguous"),
        ({"organizationId": "x"}, "organization_id_malformed"),
        ({"organizationName": "A", "organization": {"name": "B"}}, "name_ambiguous"),
        ({"organizationName": "A\n"}, "name_malformed"),
        ({"organizationName": 7}, "name_malformed"),
        ({"statusCode": None}, "status_code_missing"),
        ({"statusCode": 7}, "status_code_missing"),
    ],
)
def test_an_unclear_organization_is_not_guessed(changes: dict[str, Any], reason: str) -> None:
    verdict = only(read(activity(**changes)))
    assert isinstance(verdict, Rejected)
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ({"subject": "Organization 'Example' deleted"}, "Example"),
        ({"message": "Organization 'O'Brien' deleted"}, "O'Brien"),
        ({"subject": "Organization 'A' deleted", "message": "Organization 'A' deleted"}, "A"),
        ({"subject": "Organization 'A' deleted", "message": "Organization 'B' deleted"}, None),
        ({"subject": "organization 'A' deleted"}, None),
        ({"subject": "Organization '' deleted"}, None),
        ({"subject": "Organization 'A' deleted by X"}, None),
        ({"subject": 7}, None),
        ({"subject": "Organization 'A' deleted", "organizationName": "B"}, None),
    ],
)
def test_a_name_in_a_text_is_read_only_by_template(texts: dict[str, Any], name: str | None) -> None:
    assert isinstance(only(read(activity(subject=texts.get("subject")))), Rejected)
    verdict = only(read(activity(**texts), name_template=TEMPLATE))
    if name is None:
        assert isinstance(verdict, Rejected)
    else:
        assert isinstance(verdict, Request)
        assert verdict.request.org_name == name


def test_pointers_replace_the_known_places() -> None:
    message = activity(data={"a": [{"n": "Right", "i": 7}]}, organization=ORGANIZATION)
    pointers = {"organization_id": "/data/a/0/i", "organization_name": "/data/a/0/n"}
    verdict = only(read(message, pointers=pointers))
    assert isinstance(verdict, Request)
    assert (verdict.client, verdict.request.org_name) == ("id:7", "Right")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Offboarded", Request),
        (" offboarded", Request),
        (True, Request),
        ("true", Request),
        (9, Request),
        ("Active", Reactivated),
        (False, Reactivated),
        (None, Rejected),
        ([], Rejected),
        (1.5, Rejected),
    ],
)
def test_an_update_means_what_the_convention_says(state: Any, expected: type[Verdict]) -> None:
    organization = ORGANIZATION | {"userData": {"state": state}}
    message = activity(statusCode="CLIENT_UPDATED", organization=organization)
    verdicts = read(message, inactive_when=CONVENTION)
    assert {type(verdict) for verdict in verdicts} == {expected}


def test_without_a_convention_whoever_is_updated_is_there() -> None:
    there = only(read(activity(statusCode="CLIENT_UPDATED", organization=ORGANIZATION)))
    assert isinstance(there, Reactivated)
    (nobody,) = read(activity(statusCode="CLIENT_UPDATED"))
    assert isinstance(nobody, Ignored)
    assert nobody.reason == "no_convention"


def test_a_client_is_active_under_each_of_its_names() -> None:
    both = only(read(activity(statusCode="CLIENT_CREATED", organization=ORGANIZATION)))
    assert isinstance(both, Reactivated)
    assert (both.client, both.also) == ("id:500", ("name:example client",))
    # An unreadable name does not hide that the client is active.
    unreadable = {"id": 500, "name": "\x00"}
    verdict, _held = read(activity(statusCode="CLIENT_CREATED", organization=unreadable))
    assert isinstance(verdict, Reactivated)
    nobody = only(read(activity(statusCode="CLIENT_CREATED")))
    assert isinstance(nobody, Rejected)
    assert nobody.reason == "client_missing"


@pytest.mark.parametrize("code", ["CLIENT_DOCUMENT_DELETED", "LOCATION_DELETED", ""])
def test_other_activities_are_ignored(code: str) -> None:
    verdict = only(read(activity(statusCode=code, organization=ORGANIZATION)))
    assert isinstance(verdict, Ignored)
    assert verdict.reason == "other_event"


def test_a_changed_webhook_alarms() -> None:
    verdict = only(read(activity(statusCode="API_WEBHOOK_CONFIGURATION_UPDATED")))
    assert isinstance(verdict, Ignored)
    assert verdict.alert


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (1592600700, datetime(2020, 6, 19, 21, 5, tzinfo=UTC)),
        ("2026-06-12T10:00:00.000Z", datetime(2026, 6, 12, 10, tzinfo=UTC)),
        (1e300, None),
        (0, None),
        (True, None),
        (None, None),
        ("soon", None),
    ],
)
def test_times(sent: Any, meant: datetime | None) -> None:
    assert only(read(activity(activityTime=sent, statusCode="OTHER"))).occurred_at == meant


def test_the_header_must_be_one_of_the_agreed_values() -> None:
    for secret in SECRETS:
        ADAPTER.verify(config(), Headers.of({"Authorization": secret}), b"{}", None, NOW)
    for value in ("", "Bearer", SECRETS[0] + " ", SECRETS[0].lower(), "ü" * 30, "\ud800"):
        with pytest.raises(SignatureInvalid):
            ADAPTER.verify(config(), Headers.of({"authorization": value}), b"{}", None, NOW)


def test_a_gateways_signature_is_demanded_as_well() -> None:
    settings = config(hmac_header="X-Sig", hmac_secrets=("test-gateway-secret", "y" * 16))
    signed = ADAPTER.sign(settings, b"{}", None, "1", NOW)
    ADAPTER.verify(settings, Headers.of(signed), b"{}", None, NOW)
    for missing in ("authorization", "x-sig"):
        rest = {name: value for name, value in signed.items() if name != missing}
        with pytest.raises(SignatureInvalid):
            ADAPTER.verify(settings, Headers.of(rest), b"{}", None, NOW)
    with pytest.raises(SignatureInvalid):
        ADAPTER.verify(settings, Headers.of(signed), b"{ }", None, NOW)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confirm_delete": True}, "NinjaOne signs nothing"),
        ({"secrets": ()}, "at least 1"),
        ({"secrets": ("short",)}, "at least 16"),
        ({"secrets": ("ünicode-header-secret",)}, "ASCII"),
        ({"secrets": ("Bearer test-header-secret\n",)}, "ASCII"),
        ({"header": "X Ninja"}, "pattern"),
        ({"hmac_header": "X-Sig"}, "belong together"),
        ({"hmac_secrets": ("x" * 16,)}, "belong together"),
        ({"name_template": "deleted"}, "once"),
        ({"name_template": "{name}"}, "more than that"),
        ({"name_template": "{name} {name}"}, "once"),
        ({"inactive_when": {"pointer": "/x", "equals": []}}, "at least 1"),
        ({"inactive_when": {"pointer": "x", "equals": ["a"]}}, "JSON pointer"),
    ],
)
def test_mistakes_in_the_configuration_are_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)


def test_only_what_is_signed_may_confirm() -> None:
    signed = {"hmac_header": "X-Sig", "hmac_secrets": ("x" * 16,), "confirm_delete": True}
    verdict = only(read(activity(organization=ORGANIZATION), **signed))
    assert isinstance(verdict, Request)
    assert verdict.request.confirm_delete
