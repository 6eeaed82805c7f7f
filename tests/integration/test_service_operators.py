"""Operators: made on the command line, listed, limited at every door, named in the log."""

import base64
import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from redis.asyncio import Redis

from service.access.logins import MOST
from tests.support.audit import audited
from tests.support.command import Command
from tests.support.service import Service, configured, only_error, running_service, token
from workers.ledger.ledger import Ledger
from workers.settings import load_settings

TARGET = {"url": "https://rewst.example.com/told", "format": "json"}
SCHEDULES = {"monthly": {"cron": "0 3 1 * *"}}


SETTINGS = {"notifications": {"ops": TARGET}, "schedules": SCHEDULES}


@pytest.fixture
def unglue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


# -- made ----------------------------------------------------------------------------------------


def test_a_new_operator_can_log_in(
    unglue: Command, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs neither the service nor a configuration; the lines are ready to be appended."""
    monkeypatch.chdir(tmp_path)
    status, lines, said = unglue(
        "operators", "add", "bob", "--role", "approve", "--role", "request"
    )
    assert status == 0
    secret = next(word for word in said.split() if word.startswith("unglue_"))
    assert secret not in lines
    path = tmp_path / "unglue.toml"
    path.write_text(f'redis_url = "{valkey_url}"\n[itglue]\napi_key = "x"\n{lines}')
    settings = load_settings({"UNGLUE_CONFIG": str(path)})
    assert settings.operators["bob"].roles == ("approve", "request")
    with running_service(settings) as running:
        headers = {"authorization": f"Bearer {secret}"}
        assert running.http.get("/v1/deletions", headers=headers).status_code == 200

    status, _, said = unglue("operators", "add", "bob")
    assert status == 2
    assert "there is an operator bob" in said


@pytest.mark.usefixtures("tmp_path")
def test_as_json_the_token_is_in_it(unglue: Command) -> None:
    status, out, _ = unglue("operators", "add", "robot", "--json")
    made = json.loads(out)
    assert (status, made["roles"]) == (0, [])
    assert hashlib.sha256(made["token"].encode()).hexdigest() == made["token_sha256"]
    assert tomllib.loads(made["toml"]) == {
        "operators": {"robot": {"token_sha256": made["token_sha256"], "roles": []}}
    }


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a]b", "é", "a" * 65, "a\n"])
def test_a_bad_name_gets_no_token(unglue: Command, name: str) -> None:
    status, out, said = unglue("operators", "add", "--", name)
    assert (status, out) == (2, "")
    assert "a name has" in said


def test_a_role_that_there_is_not(unglue: Command) -> None:
    status, out, _ = unglue("operators", "add", "bob", "--role", "root")
    assert (status, out) == (2, "")


# -- listed --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("redis")
async def test_an_admin_sees_them_without_their_secrets(
    service: Service, unglue: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_error(service.call("GET", "/v1/operators", operator="carol"), 403, "RoleMissing")
    answer = service.call("GET", "/v1/operators")
    listed = {each["name"]: each for each in answer.json()["operators"]}
    assert listed["alice"]["roles"] == ["request", "approve", "admin"]
    assert listed["alice"]["last_seen"]
    assert listed["dave"]["roles"] == []
    assert "token" not in answer.text

    monkeypatch.setenv("UNGLUE_URL", service.url)
    monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))
    out = unglue("operators")[1]
    assert "carol" in out
    assert "may only look" in out
    assert len(json.loads(unglue("operators", "--json")[1])) == 3


# -- limited -------------------------------------------------------------------------------------


def _basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_every_door_counts_and_a_right_token_opens(
    valkey_url: str, redis: Redis, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    del redis
    monkeypatch.setattr("service.access.logins.MOST", MOST)
    with running_service(configured(valkey_url)) as service:
        wrong = {"authorization": "Bearer guess"}
        for _ in range(MOST // 2):
            only_error(service.http.get("/v1/deletions", headers=wrong), 401, "Unauthorized")
            refused = service.http.get("/rq/", headers=_basic("alice", "guess"))
            only_error(refused, 401, "Unauthorized")
        for path, headers in (("/v1/deletions", wrong), ("/rq/", _basic("alice", "guess"))):
            answer = service.http.get(path, headers=headers)
            only_error(answer, 429, "TooManyAttempts")
            assert 0 < int(answer.headers["retry-after"]) <= 300
        assert service.call("GET", "/v1/deletions").status_code == 200
        assert service.http.get("/rq/", headers=_basic("alice", token("alice"))).status_code == 200
        assert service.http.get("/rq/").status_code == 401  # the browser's first, without a token
        (entry,) = await audited(ledger, "login_failed")
        assert entry.items() >= {"peer": "127.0.0.1", "failures": 1}.items()
        assert "guess" not in json.dumps(entry)


@pytest.mark.usefixtures("redis")
async def test_a_forged_webhook_is_no_login(service: Service, ledger: Ledger) -> None:
    assert service.send(service.callback(), headers={"x-content-signature": "AAAA"}).is_error
    assert await audited(ledger, "login_failed") == []


# -- named ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("redis")
async def test_who_says_the_same_again_is_named_too(service: Service, ledger: Ledger) -> None:
    """The first word stands; what a second person asked for is written down all the same."""
    for operator, reason in (("alice", "one"), ("carol", "two")):
        body = {"reason": reason}
        paused = service.call("POST", "/v1/pause", json=body, operator=operator).json()
        assert paused["pauses"][0]["by"] == "alice"
        body = {"org_id": "301", **body}
        protected = service.call("POST", "/v1/protections", json=body, operator=operator).json()
        assert protected["by"] == "alice"
    for what in ("paused", "protected"):
        first, second = await audited(ledger, what)
        assert (first["operator"], first["reason"], first.get("already")) == ("alice", "one", None)
        assert (second["operator"], second["reason"], second["already"]) == ("carol", "two", True)


@pytest.mark.usefixtures("redis")
async def test_every_action_names_its_operator(service: Service, ledger: Ledger) -> None:
    asked = service.ask({"org_id": "301", "confirm_delete": True}).json()["id"]
    why = {"reason": "because"}
    for method, path, body, what in (
        ("POST", f"/v1/deletions/{asked}/cancel", None, "cancelled"),
        ("POST", f"/v1/deletions/{asked}/reject", why, "reject_refused"),
        ("POST", "/v1/protections", {"org_id": "301", **why}, "protected"),
        ("DELETE", "/v1/protections/301", why, "unprotected"),
        ("POST", "/v1/pause", why, "paused"),
        ("POST", "/v1/resume", None, "resumed"),
        ("POST", "/v1/schedules/monthly/sweep", {"dry_run": True}, "sweep"),
        ("POST", "/v1/notifications/test", None, "notifications_tested"),
    ):
        service.call(method, path, json=body)
        (entry,) = await audited(ledger, what)
        assert entry["operator"] == "alice", entry
    (created,) = await audited(ledger, "created")
    assert created["operator"] == "alice"
