"""CloudEvents: what is signed decides, and what is not does not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.cloudevents.adapter import CloudEvents
from adapters.cloudevents.config import CloudEventsConfig
from adapters.headers import Headers
from adapters.models import Ignored, Reactivated, Rejected, Request, Verdict
from tests.support.deliveries import asked, only

CLOUD = CloudEvents()
NOW = datetime(2026, 6, 11, 10, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def cloud(**changes: Any) -> CloudEventsConfig:
    return CloudEventsConfig(**{"vendor": "cloudevents", "secrets": (SECRET,)} | changes)


BINARY = {"ce-specversion": "1.0", "ce-id": "A1", "ce-source": "/t", "ce-type": "client.inactive"}


class TestCloudEvents:
    def structured(self, **changes: Any) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": "A1",
            "source": "/tenants/1",
            "type": "client.inactive",
            "time": "2026-06-10T08:15:02Z",
            "data": {"org_id": "1"},
        } | changes

    def read(
        self, message: Any, headers: dict[str, str] | None = None, **settings: Any
    ) -> tuple[Verdict, ...]:
        body = json.dumps(message).encode()
        arrived = Headers.of({"webhook-id": "msg_1"} | (headers or {}))
        return CLOUD.read(cloud(**settings), arrived, body, NOW)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"specversion": "0.3"}, "specversion_unknown"),
            ({"specversion": None}, "specversion_unknown"),
            ({"id": ""}, "attribute_missing"),
            ({"source": 7}, "attribute_missing"),
            ({"type": None}, "attribute_missing"),
            ({"source": "/tenants/2"}, "foreign_source"),
            ({"data": "x"}, "data_not_object"),
            ({"data_base64": "e30="}, "data_not_json"),
            ({"type": "Client.Inactive"}, "type_unknown"),
            ({"type": "client.restored"}, "type_unknown"),
            ({"time": "yesterday"}, "time_malformed"),
            ({"type": "invoice.paid"}, "other_type"),
        ],
    )
    def test_what_is_no_request(self, changes: dict[str, Any], reason: str) -> None:
        verdict = only(self.read(self.structured(**changes), event_source="/tenants/1"))
        assert isinstance(verdict, Rejected | Ignored)
        assert verdict.reason == reason

    def test_source_and_id_are_the_event(self) -> None:
        def identity(**changes: Any) -> str:
            return only(self.read(self.structured(**changes))).event_id

        assert identity() == identity(time=None, subject="x")
        assert identity() != identity(id="A2")
        assert identity() != identity(source="/tenants/2")
        assert identity(source="a#b", id="c") != identity(source="a", id="b#c")

    def test_unsigned_headers_never_confirm(self) -> None:
        trusting: dict[str, Any] = {"confirm_delete": True, "trust_flags": True}
        data = {"org_id": "1", "confirm_delete": True, "force_delete": True}
        signed = asked(only(self.read(self.structured(data=data), **trusting)))
        assert (signed["confirm_delete"], signed["force_delete"]) == (True, True)
        verdict = only(self.read(data, BINARY | {"ce-time": "2026-06-10T08:15:02Z"}, **trusting))
        unsigned = asked(verdict)
        assert (unsigned["confirm_delete"], unsigned["force_delete"]) == (False, False)
        assert verdict.occurred_at is None
        assert verdict.event_id == "msg_1"

    def test_unsigned_headers_do_not_change_a_structured_event(self) -> None:
        active = self.structured(type="client.active")
        verdict = only(self.read(active, BINARY))
        assert isinstance(verdict, Reactivated)

    @pytest.mark.parametrize("missing", ["ce-specversion", "ce-id", "ce-source", "ce-type"])
    def test_binary_events_have_all_attributes(self, missing: str) -> None:
        headers = {name: value for name, value in BINARY.items() if name != missing}
        assert isinstance(only(self.read({"org_id": "1"}, headers)), Rejected)

    def test_types_can_be_configured(self) -> None:
        settings: dict[str, Any] = {
            "inactive_types": ("com.a.off", "com.a.gone"),
            "active_types": ("com.a.on",),
        }
        for kind, expected in (
            ("com.a.gone", Request),
            ("com.a.on", Reactivated),
            ("client.inactive", Rejected),
            ("invoice.paid", Ignored),
        ):
            assert isinstance(only(self.read(self.structured(type=kind), **settings)), expected)
