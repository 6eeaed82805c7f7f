"""Autotask callouts: what is proved, whose they are, what they mean."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.autotask.adapter import Autotask
from adapters.autotask.config import AutotaskConfig
from adapters.autotask.signature import signature_of
from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.models import Ignored, Reactivated, Rejected, Request, Verdict

ADAPTER = Autotask()
NOW = datetime(2026, 6, 11, 10, tzinfo=UTC)
GUID = "a1da62a4-2c49-40a8-8183-69994ce5b3eb"
SECRET = "test-webhook-secret"
VECTOR = (
    b'{"Action":"Create","Guid":"a1da62a4-2c49-40a8-8183-69994ce5b3eb","EntityType":"Ticket",'
    b'"Id":351181,"Fields":{"TicketNumber":"T20250915.0001"},"EventTime":"2025-09-15T14:57:50Z",'
    b'"SequenceNumber":1,"PersonId":30691780}'
)


def config(**changes: Any) -> AutotaskConfig:
    return AutotaskConfig(
        **{"vendor": "autotask", "secrets": (SECRET,), "webhook_guid": GUID} | changes
    )


def callout(**changes: Any) -> dict[str, Any]:
    return {
        "Action": "Update",
        "Guid": GUID,
        "EntityType": "Account",
        "Id": 174,
        "Fields": {"IsActive": "False", "CompanyName": "Example Client"},
        "EventTime": "2026-06-10T08:15:02Z",
        "SequenceNumber": 42,
        "PersonID": 30691780,
    } | changes


def read(message: Any, settings: AutotaskConfig | None = None, now: datetime = NOW) -> Verdict:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    (verdict,) = ADAPTER.read(settings or config(), Headers(()), body, now)
    return verdict


def verify(body: bytes, signature: str, settings: AutotaskConfig | None = None) -> None:
    headers = Headers.of({"X-Hook-Signature": signature})
    ADAPTER.verify(settings or config(), headers, body, None, NOW)


class TestSignature:
    def test_the_vector_is_accepted_with_the_newest_and_the_previous_secret(self) -> None:
        for secrets in ((SECRET,), ("another-webhook-secret", SECRET)):
            verify(VECTOR, "sha1=b4OgYEoV9fgEQHfA2XxTjPu2CqQ=", config(secrets=secrets))

    @pytest.mark.parametrize(
        "signature",
        [
            "b4OgYEoV9fgEQHfA2XxTjPu2CqQ=",
            "SHA1=b4OgYEoV9fgEQHfA2XxTjPu2CqQ=",
            "sha1=b4OgYEoV9fgEQHfA2XxTjPu2CqR=",  # other spare bits, the same bytes
            "sha1=6f83a0604a15f5f8044077c0d97c538cfbb60aa4",
            "sha1=b4OgYEoV9fgEQHfA2XxTjPu2CqQ= ",
            "sha1=",
            "",
            "sha1=" + "ü" * 28,
        ],
    )
    def test_anything_else_is_refused(self, signature: str) -> None:
        with pytest.raises(SignatureInvalid):
            verify(VECTOR, signature)

    @pytest.mark.parametrize(
        ("arrived", "signed"),
        [
            (b'{"n":"a&b"}', b'{"n":"a\\u0026b"}'),
            (b'{"n":"<\'>`+"}', b'{"n":"\\u003C\\u0027\\u003E\\u0060\\u002B"}'),
            (b'{"n":"\\"x\\""}', b'{"n":"\\u0022x\\u0022"}'),
            (b'{"n":"\\\\"}', b'{"n":"\\\\"}'),
            (b'{"n":"\\\\\\"&"}', b'{"n":"\\\\\\u0022\\u0026"}'),
            (b'{"n":"\\u0026&\\n"}', b'{"n":"\\u0026\\u0026\\n"}'),
            ('{"n":"\u00e4"}'.encode(), b'{"n":"\\u00E4"}'),
            ('{"n":"\U0001f600"}'.encode(), b'{"n":"\\uD83D\\uDE00"}'),
        ],
    )
    def test_what_lost_its_escapes_is_still_proved(self, arrived: bytes, signed: bytes) -> None:
        assert json.loads(arrived) == json.loads(signed)
        verify(arrived, signature_of(signed, SECRET))
        verify(signed, signature_of(signed, SECRET))

    @pytest.mark.parametrize("body", [b'{"n":"a+b"', b"\xff&", b'"' + b"&" * 70_000 + b'"'])
    def test_the_second_attempt_proves_nothing_else(self, body: bytes) -> None:
        with pytest.raises(SignatureInvalid):
            verify(body, signature_of(b'{"n":"a\\u002Bb"}', SECRET))


class TestReading:
    @pytest.mark.parametrize(
        "spelling",
        [False, "false", "False", "FALSE", 0, "0", "no", "No", "N", "f", "off", " false "],
    )
    @pytest.mark.parametrize("kind", ["Account", "account", "Company", "Companies"])
    @pytest.mark.parametrize("action", ["Update", "update", "Create"])
    def test_inactive(self, spelling: Any, kind: str, action: str) -> None:
        verdict = read(callout(EntityType=kind, Action=action, Fields={"isActive": spelling}))
        assert isinstance(verdict, Request)
        assert verdict.request.org_name is None

    @pytest.mark.parametrize(
        "spelling", [True, "true", "True", "TRUE", 1, "1", "yes", "Y", "t", "on"]
    )
    def test_active(self, spelling: Any) -> None:
        verdict = read(callout(Fields={"ISACTIVE": spelling}))
        assert verdict == Reactivated(
            event_id=f"{GUID}:42",
            occurred_at=datetime(2026, 6, 10, 8, 15, 2, tzinfo=UTC),
            sequence=(GUID, 42),
            client="174",
        )

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({}, "is_active_missing"),
            (None, "is_active_missing"),
            ([], "is_active_missing"),
            ({"isActive": None}, "is_active_missing"),
            ({"isActive": ""}, "is_active_missing"),
            ({"isActive": "perhaps"}, "is_active_malformed"),
            ({"isActive": 2}, "is_active_malformed"),
            ({"isActive": 0.0}, "is_active_malformed"),
            ({"isActive": []}, "is_active_malformed"),
            ({"isActive": True, "IsActive": False}, "field_ambiguous"),
            ("isActive", "fields_malformed"),
            ([["isActive", False]], "fields_malformed"),
            ([{"name": "isActive"}], "fields_malformed"),
            ([{"name": 7, "value": False}], "fields_malformed"),
            ({"isActive": False, "CompanyName": "two\nlines"}, "name_malformed"),
        ],
    )
    def test_an_unclear_field_is_not_guessed(self, fields: Any, reason: str) -> None:
        verdict = read(callout(Fields=fields))
        assert isinstance(verdict, Rejected)
        assert verdict.reason == reason
        # A rejected callout is no gap in the sequence.
        assert verdict.sequence == (GUID, 42)

    def test_the_request(self) -> None:
        sent = [{"Name": "isActive", "Value": "0"}, {"name": "companyName", "value": "Example"}]
        verdict = read(callout(Fields=sent), config(confirm_delete=True))
        assert isinstance(verdict, Request)
        assert verdict.actor == "30691780"
        assert verdict.request.plain() == {
            "org_name": "Example",
            "psa": {"integration_type": "autotask", "company_id": "174"},
            "confirm_delete": True,
            "dry_run": False,
            "force_delete": False,
            "reason": "Autotask company 174 is inactive",
        }

    def test_field_names_can_be_configured(self) -> None:
        settings = config(active_field="Active", name_field="AccountName")
        verdict = read(callout(Fields={"active": "0", "accountname": "Example"}), settings)
        assert isinstance(verdict, Request)
        assert verdict.request.org_name == "Example"

    def test_a_deletion_needs_no_fields(self) -> None:
        for message in (callout(Fields={}), callout(Fields=None), callout(Fields=[])):
            verdict = read(message | {"Action": "Delete"})
            assert isinstance(verdict, Request)
            assert verdict.request.reason == "Autotask company 174 was deleted"

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"Guid": "d0046a73-76a0-41c4-a634-4b7fce7e43ec"}, "foreign_webhook"),
            ({"Guid": None}, "foreign_webhook"),
            ({"Guid": [GUID]}, "foreign_webhook"),
            ({"EntityType": None}, "entity_type_missing"),
            ({"EntityType": 7}, "entity_type_missing"),
            ({"Action": "Merge"}, "action_unknown"),
            ({"Action": None}, "action_unknown"),
            ({"Id": None}, "id_missing"),
            ({"Id": False}, "id_malformed"),
            ({"Id": -1}, "id_malformed"),
            ({"Id": "174 "}, "id_malformed"),
        ],
    )
    def test_what_is_not_understood_is_kept(self, changes: dict[str, Any], reason: str) -> None:
        verdict = read(callout(**changes))
        assert isinstance(verdict, Rejected)
        assert verdict.reason == reason

    def test_the_guid_has_several_spellings(self) -> None:
        for spelling in (GUID.upper(), "{" + GUID + "}"):
            assert read(callout(Guid=spelling)).event_id == f"{GUID}:42"
            settings = config(webhook_guid=spelling)
            assert read(callout(), settings).event_id == f"{GUID}:42"

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"EntityType": "Ticket"}, "other_entity"),
            ({"EntityType": "InstalledProduct", "Action": "Delete"}, "other_entity"),
            ({"Id": 0}, "own_company"),
            ({"Id": "0", "Action": "Delete"}, "own_company"),
        ],
    )
    def test_what_is_no_concern_is_ignored(self, changes: dict[str, Any], reason: str) -> None:
        verdict = read(callout(**changes))
        assert isinstance(verdict, Ignored)
        assert verdict.reason == reason
        assert verdict.sequence == (GUID, 42)

    def test_each_deactivation_is_news(self) -> None:
        message = {"Action": "Deactivated", "Guid": GUID}
        first = read(message)
        second = read(message, now=datetime(2026, 7, 1, tzinfo=UTC))
        for verdict in (first, second):
            assert isinstance(verdict, Ignored)
            assert verdict.reason == "webhook_deactivated"
            assert verdict.alert
        assert first.event_id != second.event_id

    @pytest.mark.parametrize("number", [None, "42", -1, 4.2, True, 2**60])
    def test_without_a_number_the_content_is_the_id(self, number: Any) -> None:
        later = datetime(2026, 6, 11, 11, tzinfo=UTC)
        for active, same in ((False, True), (True, False)):
            message = callout(SequenceNumber=number, Fields={"isActive": active})
            first, second = read(message), read(message, now=later)
            assert first.sequence is None
            assert first.event_id.startswith("sha256:")
            assert (first.event_id == second.event_id) is same

    def test_both_spellings_of_the_person(self) -> None:
        message = callout(PersonId=7)
        del message["PersonID"]
        verdict = read(message)
        assert isinstance(verdict, Request)
        assert verdict.actor == "7"


@pytest.mark.parametrize(
    "changes",
    [
        {"secrets": ()},
        {"secrets": ("short",)},
        {"secrets": ("x" * 65,)},
        {"secrets": (SECRET,) * 11},
        {"webhook_guid": "42"},
        {"webhook_guid": None},
        {"active_field": " "},
        {"unknown": 1},
    ],
)
def test_mistakes_in_the_configuration_are_errors(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**changes)


def test_secrets_are_not_shown() -> None:
    assert SECRET not in repr(config())
