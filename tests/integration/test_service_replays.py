"""`/v1/replays`, `/v1/deletions/{id}/replay` and `unglue replay`; the job that carries them out."""

import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.integration.test_service_sweeps import carried_out
from tests.support.command import Command
from tests.support.deletions import ended
from tests.support.service import Service, configured, only_error, running_service
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.pipeline.states import BLOCKED, DELETED, FAILED
from workers.times.clock import rfc3339, system_clock

pytestmark = pytest.mark.usefixtures("redis")


async def blocked(ledger: Ledger, name: str, state: str = FAILED) -> str:
    now = system_clock()
    error = ErrorEntry("DeletionBlocked", "the reason", rfc3339(now))
    errors = () if state == DELETED else (error,)
    return await ended(ledger, name, now, state=state, errors=errors)


async def test_one_deletion_is_replayed(service: Service, redis: Redis, ledger: Ledger) -> None:
    del redis
    path = f"/v1/deletions/{await blocked(ledger, 'del_1')}/replay"
    only_error(service.call("POST", path, operator="carol"), 403, "RoleMissing")
    keyed = {"idempotency-key": "once"}
    answered = service.call("POST", path, headers=keyed)
    assert answered.status_code == 202, answered.text
    shown = answered.json()
    assert (shown["state"], shown["generation"], shown["result"]) == ("queued", 2, None)
    (before,) = shown["history"]
    assert (before["generation"], before["state"]) == (1, "failed")
    assert before["errors"][0]["message"] == "the reason"
    assert before["result"]["details"]["generation"] == 1
    assert (before["result"]["success"], before["replayed_by"]) == (False, None)
    assert service.call("POST", path, headers=keyed).json() == shown
    message = only_error(service.call("POST", path), 409, "Conflict")
    assert "has not ended" in message
    only_error(service.call("POST", "/v1/deletions/del_0/replay"), 404, "NotFound")


async def test_what_succeeded_is_refused(service: Service, redis: Redis, ledger: Ledger) -> None:
    del redis
    path = f"/v1/deletions/{await blocked(ledger, 'del_1', DELETED)}/replay"
    assert "can be sent again" in only_error(service.call("POST", path), 409, "Conflict")
    (callback,) = service.call("GET", "/v1/deletions/del_1").json()["callbacks"] or [None]
    assert callback is None


async def test_a_dry_run_counts(service: Service, redis: Redis, ledger: Ledger) -> None:
    for number in range(3):
        await blocked(ledger, f"del_{number}", BLOCKED)
    body = {"what": "deletions", "source": "api", "dry_run": True, "limit": 2}
    answered = service.call("POST", "/v1/replays", json=body)
    assert answered.json()["matched"] == 3
    assert answered.json()["ids"] == ["del_2", "del_1"]
    assert await redis.keys("unglue:replay*") == []


async def test_it_is_begun_once_per_key(service: Service, redis: Redis, ledger: Ledger) -> None:
    del redis
    body = {"what": "deletions", "state": "failed", "since": "2020-01-01T00:00:00Z"}
    await blocked(ledger, "del_1")
    keyed = {"idempotency-key": "once"}
    first = service.call("POST", "/v1/replays", json=body, headers=keyed)
    assert first.status_code == 202, first.text
    begun = first.json()
    assert first.headers["location"] == f"/v1/replays/{begun['id']}"
    assert (begun["state"], begun["by"], begun["total"], begun["done"]) == (
        "running",
        "alice",
        1,
        0,
    )
    assert begun["filter"] == {"state": "failed", "since": "2020-01-01T00:00:00Z"}
    assert service.call("POST", "/v1/replays", json=body, headers=keyed).json() == begun
    for other in ({"state": "blocked"}, {"limit": 1}, {"rate": 6000}):
        asked = service.call("POST", "/v1/replays", json={**body, **other}, headers=keyed)
        assert "another request" in only_error(asked, 422, "InvalidRequest")
    (listed,) = service.call("GET", "/v1/replays", operator="dave").json()["replays"]
    assert listed == {name: value for name, value in begun.items() if name != "refused"}
    path = f"/v1/replays/{begun['id']}"
    assert service.call("GET", path, operator="dave").json() == begun
    only_error(service.call("POST", f"{path}/cancel", operator="dave"), 403, "RoleMissing")
    assert service.call("POST", f"{path}/cancel").json()["state"] == "cancelled"
    only_error(service.call("POST", f"{path}/cancel", operator="alice2"), 401, "Unauthorized")
    only_error(service.call("GET", "/v1/replays/rpl_0"), 404, "NotFound")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"what": "everything", "ids": ["del_1"]}, "what"),
        ({"what": "deletions"}, "name ids, or give a filter"),
        ({"what": "deletions", "ids": []}, "ids"),
        ({"what": "deletions", "ids": ["../x"]}, "ids"),
        ({"what": "deletions", "ids": ["del_1"], "source": "cw"}, "no filter"),
        (
            {"what": "deletions", "state": "deleted"},
            "their state is one of: failed, blocked, cancelled",
        ),
        ({"what": "deletions", "state": "previewed"}, "is one of"),
        ({"what": "deletions", "verdict": "rejected"}, "not chosen by verdict"),
        (
            {"what": "deliveries", "verdict": "accepted"},
            "their verdict is one of: rejected, ignored",
        ),
        ({"what": "callbacks", "state": "pending"}, "is one of"),
        ({"what": "deletions", "source": "cw", "rate": 0}, "rate"),
        ({"what": "deletions", "source": "cw", "limit": 10_001}, "limit"),
        ({"what": "deletions", "source": "cw", "since": "yesterday"}, "since"),
        ({"what": "deletions", "source": "cw", "force": True}, "force"),
    ],
)
async def test_what_begins_no_replay(
    service: Service, redis: Redis, body: dict[str, Any], said: str
) -> None:
    message = only_error(service.call("POST", "/v1/replays", json=body), 422, "InvalidRequest")
    assert said in message
    assert await redis.keys("unglue:replay*") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give ids, or --what with a filter"),
        (("--source", "cw"), "give --what"),
        (("del_1", "dlv_1"), "give --what"),
        (("del_1", "--source", "cw"), "not both"),
        (("--what", "deletions", "--state", "deleted"), "is one of"),
    ],
)
async def test_wrong_usage(unglue: Command, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = unglue("replay", *arguments)
    assert (status, said in err) == (2, True), (out, err)


async def test_the_commands(
    service: Service, redis: Redis, ledger: Ledger, unglue: Command, valkey_url: str, tmp_path: Path
) -> None:
    """With a real worker and two schedulers; its IT Glue cannot be reached."""
    del redis
    config = tmp_path / "unglue.toml"
    config.write_text(
        f'redis_url = "{valkey_url}"\n[worker]\nmax_attempts = 1\n'
        '[itglue]\napi_key = "ITG.x"\nbase_url = "http://127.0.0.1:1"\n'
    )
    nothing = unglue("replay", "--what", "deletions", "--source", "api")
    assert nothing[:2] == (0, "No deletions match; there is nothing to replay.\n")
    assert "No replays" not in unglue("replay", "--list")[1]
    assert unglue("replay", "--what", "deliveries", "--source", "x", "--dry-run")[1] == (
        "No deliveries match.\n"
    )
    for number in range(12):
        await blocked(ledger, f"del_{number:02}")
    await blocked(ledger, "del_done", DELETED)
    chosen = ("--what", "deletions", "--state", "failed", "--rate", "6000")
    assert "deletions that match: 12; to be replayed" in unglue("replay", *chosen, "--dry-run")[1]
    with carried_out(config):
        status, out, err = unglue("replay", *chosen, "--json")
        done = json.loads(out)
        assert (status, done["state"], done["replayed"]) == (0, "finished", 12)
        assert "12/12" in err
        status, out, _ = unglue("replay", "--what", "deletions", "del_done", "del_nobody")
        assert (status, "0 of 2 deletions replayed, 2 refused" in out) == (1, True)
        assert "succeeded" in out
        assert service.call("POST", "/v1/replays/x/cancel").status_code == 404
    generations = [(await ledger.deletions.get(f"del_{n:02}")).generation for n in range(12)]
    assert generations == [2] * 12
    assert "12 of 12" in unglue("replay", "--list")[1]
    status, out, _ = unglue("deletions", "del_00")
    assert "generation 1 ended" in out
    assert "the reason" in out


async def test_one_by_its_id(ledger: Ledger, unglue: Command) -> None:
    await blocked(ledger, "del_1")
    assert unglue("replay", "del_1")[:2] == (0, "del_1 is queued, generation 2\n")
    status, _, err = unglue("replay", "del_1")
    assert (status, "has not ended" in err) == (1, True)


HALO = {"vendor": "halopsa", "auth": "bearer", "secrets": ["a long shared secret"]}


async def test_rejected_deliveries_are_read_by_a_worker_that_is_configured_anew(
    valkey_url: str,
    ledger: Ledger,
    unglue: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = {**HALO, "pointers": {"client_name": "/client"}}
    config = tmp_path / "unglue.toml"
    config.write_text(
        f'redis_url = "{valkey_url}"\n[itglue]\napi_key = "ITG.x"\nbase_url = "http://127.0.0.1:1"\n'
        '[policy]\napproval = "never"\n[sources.halo]\nvendor = "halopsa"\nauth = "bearer"\n'
        'secrets = ["a long shared secret"]\n'
    )
    # A record is for one account, whoever works on it.
    settings = configured(
        valkey_url,
        sources={"halo": wrong},
        policy={"approval": "never"},
        itglue={"api_key": "ITG.x", "base_url": "http://127.0.0.1:1"},
    )
    with running_service(settings) as service, carried_out(config):
        monkeypatch.setenv("UNGLUE_URL", service.url)
        for client in (7, 8):
            sent = service.send(
                json.dumps({"client_id": client, "client_name": "A", "inactive": True}).encode(),
                source="halo",
                headers={"authorization": "Bearer a long shared secret"},
            )
            assert sent.json()["verdict"] == "rejected", sent.text
        status, out, _ = unglue(
            "replay", "--what", "deliveries", "--source", "halo", "--rate", "600", "--json"
        )
        assert (status, json.loads(out)["replayed"]) == (0, 2)
        # The configuration changed once; what was handled is not handled again.
        status, out, _ = unglue(
            "replay", "--what", "deliveries", "--source", "halo", "--verdict", "ignored"
        )
        assert (status, out) == (0, "No deliveries match; there is nothing to replay.\n")
        listed = service.call("GET", "/v1/deliveries").json()["deliveries"]
    assert [each["verdict"] for each in listed] == ["accepted", "accepted"]
    assert [each["generation"] for each in listed] == [2, 2]
    assert listed[0]["history"][0]["verdict"] == "rejected"
    asked = {(await ledger.deletions.get(each["deletion_id"])).source for each in listed}
    assert asked == {"halo"}
