"""`/v1/protections` and its commands: who may protect, who may end it."""

import json

import pytest
from redis.asyncio import Redis

from tests.support.command import Command
from tests.support.service import Service, only_error, token
from workers.ledger.ledger import Ledger

ASKED = {"org_id": "301", "reason": "they pay until May"}


SETTINGS = {"policy": {"export": False, "protected_ids": ["302"]}}


@pytest.mark.usefixtures("redis")
async def test_any_role_protects_and_the_first_stands(service: Service, ledger: Ledger) -> None:
    first = service.call("POST", "/v1/protections", operator="carol", json=ASKED)
    again = service.call("POST", "/v1/protections", json={**ASKED, "reason": "another"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json().items() >= {**ASKED, "by": "carol", "how": "api"}.items()
    assert service.call("GET", "/v1/protections", operator="dave").json() == {
        "protections": [first.json()],
        "declined": [],
    }
    held = await ledger.protections.get("301")
    assert held is not None
    assert (held.by, held.reason, held.how) == ("carol", ASKED["reason"], "api")


def test_without_a_role_nobody_protects(service: Service) -> None:
    refused = service.call("POST", "/v1/protections", operator="dave", json=ASKED)
    only_error(refused, 403, "RoleMissing")


@pytest.mark.parametrize("operator", ["carol", "dave"])
async def test_admins_end_it(service: Service, redis: Redis, ledger: Ledger, operator: str) -> None:
    del redis
    service.call("POST", "/v1/protections", json=ASKED)
    body = {"reason": "paid"}
    refused = service.call("DELETE", "/v1/protections/301", operator=operator, json=body)
    assert "'admin'" in only_error(refused, 403, "RoleMissing")
    assert await ledger.protections.get("301") is not None

    ended = service.call("DELETE", "/v1/protections/301", json=body)
    assert (ended.status_code, ended.json()["warnings"]) == (200, [])
    assert await ledger.protections.get("301") is None
    only_error(service.call("DELETE", "/v1/protections/301", json=body), 404, "NotFound")


@pytest.mark.usefixtures("redis")
async def test_what_the_file_will_protect_again_is_said(service: Service) -> None:
    service.call("POST", "/v1/protections", json={**ASKED, "org_id": "302"})
    ended = service.call("DELETE", "/v1/protections/302", json={"reason": "paid"})
    assert "policy.protected_ids" in ended.json()["warnings"][0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"reason": "r"}, "InvalidIdentifier"),
        ({"org_id": "0301", "reason": "r"}, "InvalidIdentifier"),
        ({"org_id": 301, "reason": "r"}, "InvalidIdentifier"),
        ({"org_id": "301"}, "InvalidRequest"),
        ({"org_id": "301", "reason": ""}, "InvalidRequest"),
        ({"org_id": "301", "reason": "r", "by": "mallory"}, "InvalidRequest"),
    ],
)
async def test_what_is_not_understood_protects_nothing(
    service: Service, redis: Redis, ledger: Ledger, body: object, code: str
) -> None:
    del redis
    only_error(service.call("POST", "/v1/protections", json=body), 422, code)
    assert await ledger.protections.all() == []


@pytest.mark.usefixtures("redis")
async def test_the_commands(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNGLUE_URL", service.url)
    monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))

    command = Command(monkeypatch, capsys)

    def unglue(*arguments: str) -> str:
        shown = command(*arguments)
        assert shown.status == 0
        return shown.out

    assert "No organization" in unglue("protections")
    assert "301 is protected by alice" in unglue("protect", "301", "--reason", "they [pay]")
    assert "they [pay]" in unglue("protections")
    listed = json.loads(unglue("protections", "--json"))
    assert [each["org_id"] for each in listed] == ["301"]
    assert "no longer" in unglue("unprotect", "301", "--reason", "paid")
    assert json.loads(unglue("protections", "--json")) == []
