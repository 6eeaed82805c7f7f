"""`/v1/pause`, `/v1/resume` and their commands: who may stop, who may go on, and where it shows."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from service.doctor.examination import examine
from tests.support.audit import audited
from tests.support.command import Command
from tests.support.service import Service, only_error, token
from workers.ledger.deleting.deletions import Change
from workers.ledger.installation.account import AccountChanged
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import system_clock

pytestmark = pytest.mark.usefixtures("redis")

WHY = {"reason": "a [wrong] sweep"}


async def test_any_role_pauses_and_an_admin_resumes(service: Service, ledger: Ledger) -> None:
    assert service.call("GET", "/v1/pause", operator="dave").json() == {
        "paused": False,
        "pauses": [],
    }
    paused = service.call("POST", "/v1/pause", operator="carol", json=WHY)
    assert paused.status_code == 200
    (pause,) = paused.json()["pauses"]
    assert pause.items() >= {"cause": "operator", "by": "carol", **WHY}.items()
    assert service.call("GET", "/v1/pause", operator="dave").json() == paused.json()
    again = service.call("POST", "/v1/pause", json={"reason": "me too"})
    assert again.json() == paused.json()

    for operator in ("carol", "dave"):
        refused = service.call("POST", "/v1/resume", operator=operator)
        assert "'admin'" in only_error(refused, 403, "RoleMissing")
    resumed = service.call("POST", "/v1/resume", json={"reason": "it was right"})
    assert resumed.json() == {"paused": False, "pauses": [], "ended": [pause]}
    assert service.call("POST", "/v1/resume").json()["ended"] == []
    assert [each["operator"] for each in await audited(ledger, "paused")] == ["carol", "alice"]
    assert [each["operator"] for each in await audited(ledger, "resumed")] == ["alice"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/pause", {}),
        ("POST", "/v1/pause", {"reason": ""}),
        ("POST", "/v1/pause", {"reason": 1}),
        ("POST", "/v1/pause", {**WHY, "by": "mallory"}),
        ("POST", "/v1/resume", {"reason": None}),
        ("POST", "/v1/resume", []),
        ("POST", "/v1/resume", {"accept_ledger": True}),
    ],
)
async def test_what_is_not_understood_changes_nothing(
    service: Service, redis: Redis, ledger: Ledger, method: str, path: str, body: object
) -> None:
    del redis
    held = [await ledger.stop_switch.pause("carol", "stop", datetime.now(UTC))]
    only_error(service.call(method, path, json=body), 422, "InvalidRequest")
    assert list(await ledger.stop_switch.pauses()) == held


async def test_without_a_role_nobody_pauses(service: Service) -> None:
    refused = service.call("POST", "/v1/pause", operator="dave", json=WHY)
    only_error(refused, 403, "RoleMissing")
    assert service.call("GET", "/v1/pause").json()["paused"] is False


async def _waiting(service: Service, ledger: Ledger) -> str:
    """A deletion that waits for somebody to resume."""
    deletion_id: str = service.ask({"org_id": "301", "confirm_delete": True}).json()["id"]
    now = datetime.now(UTC)
    held = await ledger.deletions.lease(deletion_id, now)
    assert held is not None
    waits = Change("retrying", now + timedelta(minutes=5), {"waits_for": "paused"})
    await ledger.deletions.record(held, waits, now)
    return deletion_id


async def test_where_it_shows(service: Service, ledger: Ledger, settings: Settings) -> None:
    for part in ("scheduler", "worker"):
        await ledger.heartbeats.beat(part, datetime.now(UTC), timedelta(minutes=1))
    deletion_id = await _waiting(service, ledger)
    service.call("POST", "/v1/pause", operator="carol", json=WHY)

    ready = service.http.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["deletions"]) == (200, "paused")
    assert "carol" not in ready.text  # anybody may read it
    assert service.call("GET", f"/v1/deletions/{deletion_id}").json()["waits_for"] == "paused"
    listed = service.call("GET", "/v1/deletions").json()
    assert (listed["paused"], len(listed["pauses"])) == (True, 1)
    assert [each["waits_for"] for each in listed["deletions"]] == ["paused"]
    found = [each async for each in examine(settings) if each.part == "deletions"]
    assert [(each.level, "by carol" in each.message) for each in found] == [("warn", True)]

    service.call("POST", "/v1/resume")
    assert "deletions" not in service.http.get("/readyz").json()["parts"]
    cancelled = service.call("POST", f"/v1/deletions/{deletion_id}/cancel").json()
    assert (cancelled["state"], cancelled["waits_for"]) == ("cancelled", None)


async def test_the_commands(
    service: Service,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("UNGLUE_URL", service.url)
    monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))
    monkeypatch.setenv("COLUMNS", "200")

    command = Command(monkeypatch, capsys)

    def unglue(*arguments: str) -> tuple[str, str]:
        status, out, err = command(*arguments)
        assert status == 0
        return out, err

    bare = command("resume", "--accept-ledger")
    assert (bare.status, "--accept-ledger needs a --reason" in bare.err) == (2, True)
    deletion_id = await _waiting(service, ledger)
    out, _ = unglue("pause", "--reason", "a [wrong] sweep")
    assert "Deletions are paused by alice since" in out
    assert "a [wrong] sweep" in out
    out, err = unglue("deletions")
    assert "Deletions are paused by alice" in err
    assert "looked at again: paused" in out
    assert "waits for: paused, looked at again 20" in unglue("deletions", deletion_id)[0]
    out, _ = unglue("resume", "--json")
    assert json.loads(out)["ended"][0]["by"] == "alice"
    assert "were not paused" in unglue("resume")[0]
    assert "paused" not in unglue("deletions")[1]


async def test_only_who_accepts_another_account_resumes(service: Service, ledger: Ledger) -> None:
    now = system_clock()
    await ledger.account.recognise("101", now)
    with pytest.raises(AccountChanged, match="9001"):
        await ledger.account.recognise("9001", now)
    assert "accept-account" in service.call("POST", "/v1/resume").text
    refused = service.call("POST", "/v1/resume", operator="dave", json={"accept_account": True})
    only_error(refused, 403, "RoleMissing")
    assert await ledger.account.primary() == "101"
    resumed = service.call("POST", "/v1/resume", json={"accept_account": True})
    assert resumed.json()["paused"] is False
    assert await ledger.account.primary() == "9001"
    assert len(await audited(ledger, "account_accepted")) == 1
