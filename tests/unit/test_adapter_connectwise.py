"""ConnectWise callbacks: which tenant's they are, and what they mean."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.connectwise.adapter import ConnectWise
from adapters.connectwise.config import ConnectWiseConfig
from adapters.headers import Headers
from adapters.models import Ignored, Reactivated, Rejected, Request, Verdict
from tests.support.deliveries import FIXTURES

ADAPTER = ConnectWise()
NOW = datetime(2026, 6, 11, 10, tzinfo=UTC)
WIRE = (FIXTURES / "connectwise" / "company-updated-inactive.body").read_bytes()


def config(**changes: Any) -> ConnectWiseConfig:
    return ConnectWiseConfig(
        **{
            "vendor": "connectwise",
            "host": "na.myconnectwise.net",
            "company": "Cobalt",
            "inactive_statuses": ("Inactive", 12),
        }
        | changes
    )


def entity(**changes: Any) -> dict[str, Any]:
    return {
        "id": 2,
        "name": "TestCompany",
        "status": {"id": 1, "name": "Active"},
        "_info": {"lastUpdated": "2026-06-10T08:15:02Z"},
    } | changes


def callback(**changes: Any) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(WIRE)
    return message | {"Entity": json.dumps(entity())} | changes


def read(message: Any, settings: ConnectWiseConfig | None = None) -> Verdict:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    (verdict,) = ADAPTER.read(settings or config(), Headers(()), body, NOW)
    return verdict


def rejected(verdict: Verdict) -> str:
    assert isinstance(verdict, Rejected), verdict
    return verdict.reason


class TestTenant:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"CompanyId": "Other"}, "foreign_company"),
            ({"CompanyId": "cobalt"}, "foreign_company"),
            ({"CompanyId": None, "ProductInstanceId": None}, "company_missing"),
            ({"CompanyId": ["Cobalt"]}, "foreign_company"),
            ({"FromUrl": "eu.myconnectwise.net"}, "foreign_host"),
            ({"FromUrl": "na.myconnectwise.net.evil.test"}, "foreign_host"),
            ({"FromUrl": "sandbox-na.myconnectwise.net"}, "foreign_host"),
            ({"FromUrl": "http://[::1"}, "foreign_host"),
            ({"FromUrl": 7}, "foreign_host"),
            ({"ProductInstanceId": "000000000000000000000009"}, "foreign_instance"),
            ({"ProductInstanceId": None}, "foreign_instance"),
            ({"ProductInstanceId": {}}, "foreign_instance"),
        ],
    )
    def test_another_tenants_callback_is_kept(self, changes: dict[str, Any], reason: str) -> None:
        settings = config(product_instance_id="000000000000000000000001")
        assert rejected(read(callback(**changes, Action="deleted"), settings)) == reason

    def test_the_key_names_the_company_where_the_callback_does_not(self) -> None:
        settings = config(product_instance_id="000000000000000000000001")
        verdict = read(callback(CompanyId=None, Action="deleted"), settings)
        assert isinstance(verdict, Request)
        assert verdict.client == "2"

    @pytest.mark.parametrize(
        ("changes", "holds", "clients"),
        [
            ({"CompanyId": "Other"}, False, ("2", "name:testcompany")),
            ({"Action": "merged"}, True, ("2", "name:testcompany")),
            ({"ID": 3}, True, ("3", "2", "name:testcompany")),
            ({"Entity": "{"}, True, ("2",)),
            ({"ID": None, "Entity": "{"}, True, ()),
        ],
    )
    def test_what_is_not_understood_holds_the_client_it_names(
        self, changes: dict[str, Any], holds: bool, clients: tuple[str, ...]
    ) -> None:
        verdict = read(callback(**changes))
        assert isinstance(verdict, Rejected)
        assert (verdict.holds, verdict.clients) == (holds, clients)

    def test_an_updated_record_without_a_name_proves_nothing(self) -> None:
        nameless = read(callback(Entity=entity(name=None, status={"id": 2, "name": "Inactive"})))
        assert isinstance(nameless, Rejected)
        assert nameless.reason == "name_missing"
        active = read(callback(Entity=entity(name=None)))
        assert isinstance(active, Reactivated)

    @pytest.mark.parametrize(
        "sender",
        [
            "NA.myconnectwise.net",
            "https://na.myconnectwise.net/v2025_1",
            "api-na.myconnectwise.net",
            "na.myconnectwise.net:443",
            None,
        ],
    )
    def test_the_host_has_several_spellings(self, sender: str | None) -> None:
        assert isinstance(read(callback(FromUrl=sender)), Reactivated)
        alias = config(host="api-na.myconnectwise.net")
        assert isinstance(read(callback(FromUrl=sender), alias), Reactivated)

    def test_only_the_vendors_own_cloud_has_aliases(self) -> None:
        settings = config(host="cw.example.test")
        assert rejected(read(callback(FromUrl="api-cw.example.test"), settings)) == "foreign_host"

    def test_an_unconfigured_instance_is_not_compared(self) -> None:
        assert isinstance(read(callback(ProductInstanceId=None)), Reactivated)


INACTIVE = {"id": 2, "name": "Inactive"}


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "why"),
        [
            (INACTIVE, "is Inactive"),
            ({"id": 2, "name": "  iNACTIVE "}, "is   iNACTIVE".strip()),
            ({"id": 12, "name": "Former client"}, "has status 12 (Former client)"),
            ({"id": "12", "name": "Former client"}, "has status 12 (Former client)"),
            ({"id": 12}, "has status 12 (no name)"),
            ({"name": "Inactive"}, "is Inactive"),
            ("Inactive", "is Inactive"),
            (12, "has status 12 (no name)"),
        ],
    )
    def test_inactive_by_name_or_by_id(self, status: Any, why: str) -> None:
        verdict = read(callback(Entity=entity(status=status)))
        assert isinstance(verdict, Request)
        reason = verdict.request.reason or ""
        assert reason.split() == f"ConnectWise company 2 {why}".split()

    def test_names_are_compared_composed(self) -> None:
        settings = config(inactive_statuses=("Gek\u00fcndigt",))
        decomposed = entity(status={"id": 3, "name": "Geku\u0308ndigt"})
        assert isinstance(read(callback(Entity=decomposed), settings), Request)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"status": None}, "status_missing"),
            ({"status": {}}, "status_incomplete"),
            ({"status": {"id": 1}}, "status_incomplete"),
            ({"status": {"name": "Active"}}, "status_incomplete"),
            ({"status": "Active"}, "status_incomplete"),
            ({"status": {"id": 1, "name": 7}}, "status_malformed"),
            ({"status": []}, "status_id_malformed"),
            ({"status": {"id": -1, "name": "Active"}}, "status_id_malformed"),
            ({"status": True}, "status_id_malformed"),
            ({"deletedFlag": "true"}, "deleted_flag_malformed"),
            ({"deletedFlag": 1}, "deleted_flag_malformed"),
        ],
    )
    @pytest.mark.parametrize("action", ["added", "updated"])
    def test_half_a_status_is_none(self, changes: dict[str, Any], reason: str, action: str) -> None:
        assert rejected(read(callback(Action=action, Entity=entity(**changes)))) == reason

    @pytest.mark.parametrize("action", ["added", "updated", "Updated", "UPDATED"])
    def test_any_other_status_is_active(self, action: str) -> None:
        verdict = read(callback(Action=action))
        assert verdict == Reactivated(
            event_id="11111111-1111-4111-8111-111111111111",
            occurred_at=datetime(2026, 6, 10, 8, 15, 2, tzinfo=UTC),
            client="2",
            also=("name:testcompany",),
            name="TestCompany",
        )

    def test_the_deleted_flag_needs_no_status(self) -> None:
        verdict = read(callback(Entity=entity(status=None, deletedFlag=True)))
        assert isinstance(verdict, Request)

    @pytest.mark.parametrize("sent", [None, "", "null", {}, "{}"])
    def test_a_deletion_needs_no_entity(self, sent: Any) -> None:
        message = callback(Action="Deleted", Entity=sent)
        if sent == "null":
            assert rejected(read(message)) == "entity_not_object"
            return
        verdict = read(message)
        assert isinstance(verdict, Request)
        assert verdict.request.org_name is None
        assert verdict.occurred_at is None


class TestReading:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "not_json"),
            (b"\xff", "not_utf8"),
            (b"[" * 1000, "nested_too_deeply"),
            (b'{"a":1,"a":1}', "duplicate_key"),
            (b'{"a":' + b"1" * 50 + b"}", "number_too_long"),
            (b"[]", "not_object"),
            (b"7", "not_object"),
            (b"{}", "type_missing"),
        ],
    )
    def test_what_is_not_a_callback_is_kept(self, body: bytes, reason: str) -> None:
        verdict = read(body)
        assert rejected(verdict) == reason
        assert verdict.event_id.startswith("sha256:")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"Type": None}, "type_missing"),
            ({"Action": None}, "action_unknown"),
            ({"Action": "merged"}, "action_unknown"),
            ({"Entity": "{"}, "entity_not_json"),
            ({"Entity": "[]"}, "entity_not_object"),
            ({"Entity": '{"id":2,"id":3}'}, "entity_duplicate_key"),
            ({"Entity": "[" * 100}, "entity_nested_too_deeply"),
            ({"Entity": '{"a":"\ud800"}'}, "entity_not_utf8"),
            ({"Entity": 7}, "entity_not_object"),
            ({"ID": None}, "id_missing"),
            ({"ID": 0}, "id_malformed"),
            ({"ID": -2}, "id_malformed"),
            ({"ID": 2.0}, "id_malformed"),
            ({"ID": True}, "id_malformed"),
            ({"ID": "02"}, "id_malformed"),
            ({"ID": "2 "}, "id_malformed"),
            ({"ID": "\u0662"}, "id_malformed"),
            ({"ID": 2**63}, "id_malformed"),
            ({"ID": [2]}, "id_malformed"),
            ({"ID": 3}, "id_mismatch"),
        ],
    )
    def test_what_is_not_understood_is_kept(self, changes: dict[str, Any], reason: str) -> None:
        verdict = read(callback(**changes))
        assert rejected(verdict) == reason
        assert verdict.event_id == "11111111-1111-4111-8111-111111111111"

    def test_a_name_that_cannot_be_compared_is_not_left_out(self) -> None:
        for name in ("two\nlines", "x" * 256, "  ", 7, "\ud800"):
            message = callback(Entity=entity(status=INACTIVE, name=name))
            assert rejected(read(message)) == "name_malformed"

    @pytest.mark.parametrize("identifier", ["2", 2])
    def test_the_request(self, identifier: Any) -> None:
        message = callback(ID=identifier, Entity=entity(status=INACTIVE))
        verdict = read(message, config(confirm_delete=True))
        assert isinstance(verdict, Request)
        assert verdict.client == "2"
        assert verdict.actor == "omnicorp"
        assert verdict.request.plain() == {
            "org_name": "TestCompany",
            "psa": {"integration_type": "manage", "company_id": "2"},
            "confirm_delete": True,
            "dry_run": False,
            "force_delete": False,
            "reason": "ConnectWise company 2 is Inactive",
        }

    def test_vendor_text_is_bounded_and_printable(self) -> None:
        name = "Inactive" + "\x1b[2J\u202e" + "x" * 500
        settings = config(inactive_statuses=(12,))
        message = callback(MemberId="m\n" * 500, Entity=entity(status={"id": 12, "name": name}))
        verdict = read(message, settings)
        assert isinstance(verdict, Request)
        for text, limit in ((verdict.actor, 100), (verdict.request.reason, 120)):
            assert text is not None
            assert len(text) <= limit
            assert text.isprintable()

    def test_other_records_are_ignored_whatever_else_they_hold(self) -> None:
        for kind in ("contact", "ticket", "companyTeam", ""):
            verdict = read(callback(Type=kind, Action="deleted", CompanyId="Other"))
            assert isinstance(verdict, Ignored)
            assert verdict.reason == "other_entity"
        assert isinstance(read(callback(Type="Company")), Reactivated)

    def test_own_changes_ask_for_nothing_and_still_reactivate(self) -> None:
        settings = config(own_member_ids=("Unglue",))
        verdict = read(callback(MemberId="unglue ", Action="deleted"), settings)
        assert isinstance(verdict, Ignored)
        assert verdict.reason == "own_write"
        assert isinstance(read(callback(MemberId="unglue"), settings), Reactivated)
        assert isinstance(read(callback(Action="deleted"), settings), Request)

    @pytest.mark.parametrize(
        ("sent", "meant"),
        [
            ("2026-06-10T08:15:02Z", datetime(2026, 6, 10, 8, 15, 2, tzinfo=UTC)),
            ("2026-06-10T10:15:02.1234567+02:00", datetime(2026, 6, 10, 8, 15, 2, 123456, UTC)),
            ("2026-06-10T08:15:02", None),
            ("2026-06-10", None),
            ("0001-01-01T00:00:00+23:59", None),
            ("2026-13-10T08:15:02Z", None),
            ("yesterday", None),
            (1592600612, None),
            (None, None),
        ],
    )
    def test_times_have_a_zone_or_are_none(self, sent: Any, meant: datetime | None) -> None:
        assert read(callback(Entity=entity(_info={"lastUpdated": sent}))).occurred_at == meant

    def test_without_a_message_id_a_deletion_counts_once_and_a_reactivation_always(self) -> None:
        later = datetime(2026, 6, 11, 11, tzinfo=UTC)
        for action, same in (("deleted", True), ("updated", False)):
            for identifier in (None, "", "a b", "x" * 300, 7):
                body = json.dumps(callback(Action=action, MessageId=identifier)).encode()
                first, second = (
                    ADAPTER.read(config(), Headers(()), body, now)[0].event_id
                    for now in (NOW, later)
                )
                assert (first == second) is same

    def test_pointers_choose_where_things_are_read(self) -> None:
        pointers = {
            "client_id": "/Entity/id",
            "name": "/Entity/site~1name",
            "status": "/Entity/s/1",
        }
        sent = entity(s=["x", "Inactive"], status=None) | {"site/name": "Elsewhere"}
        settings = config(pointers=pointers, inactive_statuses=("Inactive",))
        verdict = read(callback(Entity=sent), settings)
        assert isinstance(verdict, Request)
        assert verdict.request.org_name == "Elsewhere"
        assert rejected(read(callback(ID=9, Entity=sent), settings)) == "id_mismatch"
