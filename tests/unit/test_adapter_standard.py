"""Standard Webhooks: what is proved, and who may confirm what."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from pydantic import ValidationError

from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.models import Ignored, Reactivated, Rejected, Request, Verdict
from adapters.standard.adapter import Standard
from adapters.standard.config import StandardConfig
from tests.support.deliveries import asked, only

ADAPTER = Standard()
NOW = datetime(2026, 6, 11, 10, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PREVIOUS = "whsec_" + base64.b64encode(b"k" * 64).decode()
VECTOR = Headers.of(
    {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
)
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_TIME = datetime.fromtimestamp(1614265330, UTC)


def config(**changes: Any) -> StandardConfig:
    return StandardConfig(**{"vendor": "standard", "secrets": (SECRET,)} | changes)


def event(data: Any, kind: Any = "client.inactive", **changes: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": "2026-06-10T08:15:02Z", "data": data} | changes


def read(message: Any, **settings: Any) -> tuple[Verdict, ...]:
    headers = Headers.of({"webhook-id": "msg_1"})
    return ADAPTER.read(config(**settings), headers, json.dumps(message).encode(), NOW)


class TestSignature:
    def test_the_published_vector(self) -> None:
        for secrets in ((SECRET,), (PREVIOUS, SECRET)):
            ADAPTER.verify(config(secrets=secrets), VECTOR, VECTOR_BODY, None, VECTOR_TIME)

    def test_the_other_names_of_the_headers_are_the_same_scheme(self) -> None:
        renamed = [(name.replace("webhook-", "svix-"), value) for name, value in VECTOR.items]
        headers = Headers.of(renamed)
        ADAPTER.verify(config(), headers, VECTOR_BODY, None, VECTOR_TIME)
        (verdict,) = ADAPTER.read(config(), headers, VECTOR_BODY, VECTOR_TIME)
        assert verdict.event_id == "msg_p5jXN8AQM9LWM0D4loKWxJek"

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_both_sets_of_names_are_never_mixed(self, name: str) -> None:
        mixed = [
            (each.replace("webhook-", "svix-") if each == name else each, value)
            for each, value in VECTOR.items
        ]
        for headers in (mixed, [*mixed, *VECTOR.items]):
            with pytest.raises(SignatureInvalid):
                ADAPTER.verify(config(), Headers.of(headers), VECTOR_BODY, None, VECTOR_TIME)

    @pytest.mark.parametrize("seconds", [-300, 0, 300])
    def test_five_minutes_either_way(self, seconds: int) -> None:
        now = VECTOR_TIME + timedelta(seconds=seconds)
        ADAPTER.verify(config(), VECTOR, VECTOR_BODY, None, now)
        beyond = now + timedelta(seconds=1 if seconds >= 0 else -1)
        if seconds:
            with pytest.raises(SignatureInvalid, match="5 minutes"):
                ADAPTER.verify(config(), VECTOR, VECTOR_BODY, None, beyond)

    def test_one_of_several_signatures_is_enough(self) -> None:
        (_, _, (name, value)) = VECTOR.items
        for signatures in (f"v1,AAAA v1a,AAAA {value}", f"{value} {value}"):
            headers = Headers((*VECTOR.items[:2], (name, signatures)))
            ADAPTER.verify(config(), headers, VECTOR_BODY, None, VECTOR_TIME)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("webhook-id", "msg_other"),
            ("webhook-id", ""),
            ("webhook-id", "a b"),
            ("webhook-id", "x" * 201),
            ("webhook-timestamp", "1614265331"),
            ("webhook-timestamp", "+1614265330"),
            ("webhook-timestamp", "1614265330.0"),
            ("webhook-timestamp", "\u0661614265330"),
            ("webhook-timestamp", "9" * 400),
            ("webhook-signature", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ("webhook-signature", "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="),
            ("webhook-signature", "v1,,"),
            ("webhook-signature", ""),
            ("webhook-signature", "\ud800"),
            ("webhook-signature", "v1,AAAA " * 20 + VECTOR.items[2][1]),
        ],
    )
    def test_anything_else_is_refused(self, name: str, value: str) -> None:
        headers = Headers.of({**dict(VECTOR.items), name: value})
        with pytest.raises(SignatureInvalid):
            ADAPTER.verify(config(), headers, VECTOR_BODY, None, VECTOR_TIME)

    def test_the_official_library_agrees_both_ways(self) -> None:
        body = json.dumps(event({"org_id": "1"}))
        library = standardwebhooks.Webhook(SECRET)
        theirs = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(NOW.timestamp())),
            "webhook-signature": library.sign("msg_1", NOW, body),
        }
        ADAPTER.verify(config(), Headers.of(theirs), body.encode(), None, NOW)
        ours = ADAPTER.sign(config(secrets=(SECRET, PREVIOUS)), body.encode(), None, "msg_1", NOW)
        assert ours["webhook-signature"].split(" ")[0] == theirs["webhook-signature"]

    @pytest.mark.parametrize(
        "secret",
        [
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_",
            "whsec_short",
            "whsec_not base64!",
            "whsk_x",
            "whsec_" + base64.b64encode(b"k" * 23).decode(),
            "whsec_" + base64.b64encode(b"k" * 65).decode(),
        ],
    )
    def test_weak_secrets_are_errors(self, secret: str) -> None:
        with pytest.raises(ValidationError, match="whsec_"):
            config(secrets=(secret,))


class TestFlags:
    """Without `trust_flags` a body can only make a deletion less likely."""

    @pytest.mark.parametrize(
        ("configured", "trusted", "sent", "confirmed"),
        [
            (False, False, None, False),
            (False, False, True, False),
            (True, False, None, True),
            (True, False, True, True),
            (True, False, False, False),
            (False, True, None, False),
            (False, True, True, True),
            (True, True, None, True),
            (True, True, False, False),
        ],
    )
    def test_confirmation(
        self, *, configured: bool, trusted: bool, sent: bool | None, confirmed: bool
    ) -> None:
        data = {"org_id": "1"} | ({} if sent is None else {"confirm_delete": sent})
        verdict = only(read(event(data), confirm_delete=configured, trust_flags=trusted))
        assert asked(verdict)["confirm_delete"] is confirmed

    @pytest.mark.parametrize("trusted", [False, True])
    def test_force_needs_trust_and_a_dry_run_never_does(self, *, trusted: bool) -> None:
        data = {"org_id": "1", "force_delete": True, "dry_run": True}
        request = asked(only(read(event(data), trust_flags=trusted, confirm_delete=True)))
        assert request["force_delete"] is trusted
        assert request["dry_run"] is True


class TestReading:
    def test_the_request(self) -> None:
        data = {
            "org_id": "123456",
            "org_name": "Example Client",
            "reason": "contract\nended",
            "callback_url": "https://example.com/hook",
        }
        verdict = only(read(event(data)))
        assert asked(verdict) == {
            "org_id": "123456",
            "org_name": "Example Client",
            "confirm_delete": False,
            "dry_run": False,
            "force_delete": False,
            "reason": "contract\N{REPLACEMENT CHARACTER}ended",
            "callback_url": "https://example.com/hook",
        }
        assert verdict.event_id == "msg_1"
        assert verdict.occurred_at == datetime(2026, 6, 10, 8, 15, 2, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("data", "detail"),
        [
            ({}, "org_id or org_name is required"),
            ({"org_id": 123}, "org_id"),
            ({"org_id": "0123"}, "org_id"),
            ({"org_name": ""}, "org_name"),
            ({"org_name": "\ud800"}, "org_name"),
            ({"org_id": "1", "confirm_delete": "true"}, "confirm_delete"),
            ({"org_id": "1", "dry_run": 1}, "dry_run"),
            ({"org_id": "1", "id": "174"}, "id"),
            ({"org_id": "1", "callback_url": "javascript:alert(1)"}, "callback_url"),
            ({"psa": {"integration_type": "ninjaone", "company_id": "1"}}, "psa"),
            ({"psa": {"integration_type": "manage", "company_id": 1}}, "psa"),
            ({"psa": {"integration_type": "manage", "company_id": "\ud800"}}, "psa"),
        ],
    )
    def test_a_request_is_strict(self, data: Any, detail: str) -> None:
        verdict = only(read(event(data)))
        assert isinstance(verdict, Rejected)
        assert verdict.reason == "data_invalid"
        assert detail in verdict.detail
        assert verdict.detail.isprintable()

    @pytest.mark.parametrize(
        ("data", "clients"),
        [
            ({"org_id": "1"}, ["org:1"]),
            ({"org_name": " \u00c9xample"}, ["name:\u00e9xample", "name:example"]),
            (
                {
                    "psa": {"integration_type": "manage", "company_id": "2"},
                    "org_id": "1",
                    "org_name": "A",
                },
                ["psa:manage:2", "org:1", "name:a"],
            ),
            # Nothing beside an identity can keep a reactivation from counting.
            ({"org_id": "1", "org_name": "\x00", "confirm_delete": "true", "id": 7}, ["org:1"]),
            ({"org_id": 1, "org_name": "A", "psa": {}}, ["org:1", "name:a"]),
            ({"org_id": " 0401"}, ["org:401"]),
            ({"org_id": 401.0}, ["org:401"]),
            ({"org_id": "４０１\u200b"}, ["org:401"]),  # noqa: RUF001 - wide digits
            ({"psa": {"integration_type": "Manage", "company_id": 250.0}}, ["psa:manage:250"]),
            ({"org_id": True, "org_name": "A"}, ["name:a"]),
            # Two forms of one name are not two identities.
            ({"org_id": True, "org_name": "A."}, ["name:a.", "name:a"]),
        ],
    )
    def test_a_reactivation_is_lenient(self, data: Any, clients: list[str]) -> None:
        verdict, *beside = read(event(data, "client.active"))
        assert isinstance(verdict, Reactivated)
        assert [verdict.client, *verdict.also] == clients
        # What is there and cannot be read holds.
        stated = [name for name in ("psa", "org_id", "org_name") if data.get(name) is not None]
        kinds = {each.partition(":")[0] for each in clients}
        assert len(beside) == (len(kinds) < len(stated))
        assert all(isinstance(each, Rejected) for each in beside)

    @pytest.mark.parametrize("sent", ["psa", "org_id", "org_name"])
    def test_inactive_and_active_name_the_client_alike(self, sent: str) -> None:
        everything = {
            "psa": {"integration_type": "manage", "company_id": "2"},
            "org_id": "1",
            "org_name": "A",
        }
        inactive = only(read(event({sent: everything[sent]})))
        active = only(read(event(everything, "client.active")))
        assert isinstance(inactive, Request)
        assert isinstance(active, Reactivated)
        assert inactive.client in {active.client, *active.also}

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            (event(None), "data_not_object"),
            (event([]), "data_not_object"),
            (event(None, "client.active"), "data_not_object"),
            (event({}, "client.active"), "client_missing"),
            (event({}, None), "type_missing"),
            (event({}, 7), "type_missing"),
            ([], "not_object"),
        ],
    )
    def test_what_is_not_understood_is_kept(self, message: Any, reason: str) -> None:
        verdict = only(read(message))
        assert isinstance(verdict, Rejected)
        assert verdict.reason == reason

    def test_other_types_are_ignored(self) -> None:
        verdict = only(read(event({"org_id": "1"}, "invoice.paid")))
        assert isinstance(verdict, Ignored)

    @pytest.mark.parametrize("kind", ["Client.Inactive", " client.active", "client.restored"])
    def test_what_may_be_about_a_client_is_kept_and_holds_it(self, kind: str) -> None:
        verdict = only(read(event({"org_id": "1", "org_name": "A"}, kind)))
        assert isinstance(verdict, Rejected)
        assert (verdict.reason, verdict.holds) == ("type_unknown", True)
        assert verdict.clients == ("org:1", "name:a")

    def test_the_time_of_the_attempt_is_not_that_of_the_event(self) -> None:
        verdict = only(read(event({"org_id": "1"}, timestamp=None)))
        assert isinstance(verdict, Request)
        assert verdict.occurred_at is None

    @pytest.mark.parametrize(
        "timestamp",
        ["yesterday", 1614265330, "2026-06-10T08:15:02", "", {},
         "0001-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"],
    )  # fmt: skip
    @pytest.mark.parametrize("kind", ["client.inactive", "client.active"])
    def test_a_time_that_cannot_be_read_is_not_none(self, timestamp: Any, kind: str) -> None:
        verdict = only(read(event({"org_id": "1"}, kind, timestamp=timestamp)))
        assert isinstance(verdict, Rejected)
        assert (verdict.reason, verdict.clients) == ("time_malformed", ("org:1",))
