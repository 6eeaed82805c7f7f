"""`unglue protect` shows what it protected: a mistyped id protects nothing that is there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.command import Command
from tests.support.serve import serve
from tests.support.service import Service, configured, only_error, running_service, token
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture
def service(valkey_url: str, ledger: Ledger) -> Iterator[Service]:
    del ledger
    with serve(create_sandbox(SandboxSettings(), now=lambda: datetime.now(UTC))) as url:
        itglue = {"base_url": url, "api_key": "ITG.sandbox"}
        with running_service(configured(valkey_url, itglue=itglue)) as running:
            yield running


async def test_the_name_is_shown(unglue: Command) -> None:
    shown = unglue("protect", "301", "--reason", "they pay")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("301 TestCompany is protected by alice since ")
    as_json = unglue("protect", "301", "--reason", "they pay", "--json")
    assert json.loads(as_json.out)["org_name"] == "TestCompany"


async def test_what_is_not_there_is_protected_and_said(unglue: Command, ledger: Ledger) -> None:
    shown = unglue("protect", "99999", "--reason", "they pay")
    assert shown.status == 1
    assert "no organization 99999" in shown.err
    assert "check the id" in shown.err
    assert await ledger.protections.get("99999") is not None


@pytest.mark.parametrize("org_id", ["x", "%D9%A3", "1e3"])
async def test_an_id_is_digits(service: Service, org_id: str) -> None:
    only_error(service.call("GET", f"/v1/organizations/{org_id}"), 422, "InvalidIdentifier")


async def test_who_is_unknown_hears_nothing(service: Service) -> None:
    assert service.http.get("/v1/organizations/301").status_code == 401


async def test_it_is_protected_while_it_glue_is_away(
    valkey_url: str,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    itglue = {"base_url": "http://127.0.0.1:1", "api_key": "ITG.sandbox"}
    with running_service(configured(valkey_url, itglue=itglue)) as running:
        monkeypatch.setenv("UNGLUE_URL", running.url)
        monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))
        shown = Command(monkeypatch, capsys)("protect", "301", "--reason", "they pay")
    assert shown.status == 0
    assert shown.out.startswith("301 is protected by alice since ")
    assert "! ITGlueConnectionError" in shown.err
    assert await ledger.protections.get("301") is not None
