"""`/v1/deletions`: asking, looking, cancelling; who may, and what is refused."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from threading import Semaphore
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.support.command import Command
from tests.support.service import Service, configured, only_error, running_service, stored, token
from tests.unit.test_cli import become
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.pipeline.states import FAILED
from workers.processes.queue import QUEUE_KEY

ASKED = {"org_id": "301", "confirm_delete": True, "reason": "contract ended"}
ID = re.compile(r"del_[0-9a-f]{20}")


async def test_a_deletion_is_created(service: Service, redis: Redis, ledger: Ledger) -> None:
    answer = service.ask(ASKED)
    assert answer.status_code == 202, answer.text
    deletion = answer.json()
    assert ID.fullmatch(deletion["id"])
    assert answer.headers["location"] == f"/v1/deletions/{deletion['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert deletion.keys() == {
        "id",
        "state",
        "source",
        "delivery_id",
        "actor",
        "created_at",
        "updated_at",
        "due_at",
        "waits_for",
        "request",
        "plan",
        "approvers",
        "approval",
        "approval_url",
        "errors",
        "grace",
        "journal",
        "callbacks",
        "generation",
        "history",
        "result",
    }
    assert (deletion["state"], deletion["source"], deletion["actor"]) == ("queued", "api", "alice")
    assert (deletion["plan"], deletion["result"], deletion["delivery_id"]) == (None, None, None)
    assert deletion["request"] == {**ASKED, "dry_run": False, "force_delete": False}
    assert [entry["entry"] for entry in deletion["journal"]] == ["created"]
    assert service.call("GET", answer.headers["location"]).json() == deletion

    kept = await ledger.deletions.get(deletion["id"])
    assert kept.callback_url == "https://rewst.example.com/hook"
    assert await redis.llen(QUEUE_KEY) == 1


@pytest.mark.usefixtures("redis")
async def test_a_callback_url_of_its_own(service: Service, ledger: Ledger) -> None:
    answer = service.ask({**ASKED, "callback_url": "https://Other.example.com/hook"})
    deletion = await ledger.deletions.get(answer.json()["id"])
    assert deletion.callback_url == "https://other.example.com/hook"


UNAUTHORIZED = {
    "nothing": {},
    "no scheme": {"authorization": token("alice")},
    "another scheme": {"authorization": f"Basic {token('alice')}"},
    "no token": {"authorization": "Bearer"},
    "a wrong token": {"authorization": "Bearer nobody's"},
    "another case": {"authorization": f"Bearer {token('alice').upper()}"},
    "not ASCII": {"authorization": "Bearer tökén".encode()},
    "the hash": {
        "authorization": "Bearer 0d5bca4cd6ca3de4ae3dfa8d2ee5ff1d5d6b5b7a7f5e8a9d9b1b2f6e8f1c2d3e"
    },
}
PROTECTED = [
    ("POST", "/v1/deletions"),
    ("GET", "/v1/deletions/del_1"),
    ("POST", "/v1/deletions/del_1/cancel"),
]
DECISIONS = [("POST", f"/v1/deletions/del_1/{what}") for what in ("approve", "reject")]


@pytest.mark.parametrize(("method", "path"), [*PROTECTED, *DECISIONS])
@pytest.mark.parametrize("headers", UNAUTHORIZED.values(), ids=UNAUTHORIZED)
async def test_an_operator_is_required(
    service: Service, redis: Redis, method: str, path: str, headers: Any
) -> None:
    answer = service.http.request(method, path, headers=headers, json=ASKED)
    only_error(answer, 401, "Unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert await stored(redis) == {}


@pytest.mark.parametrize("operator", ["carol", "dave"])
async def test_a_role_is_required(service: Service, redis: Redis, operator: str) -> None:
    only_error(service.ask(ASKED, operator=operator), 403, "RoleMissing")
    assert await stored(redis) == {}
    deletion_id = service.ask(ASKED).json()["id"]
    path = f"/v1/deletions/{deletion_id}"
    only_error(service.call("POST", path + "/replay", operator=operator), 403, "RoleMissing")
    assert service.call("GET", path, operator=operator).json()["state"] == "queued"


@pytest.mark.usefixtures("redis")
async def test_any_role_may_cancel(service: Service) -> None:
    """An approver is told how to stop what he approved, and needs no other role for that."""
    path = f"/v1/deletions/{service.ask(ASKED).json()['id']}"
    only_error(service.call("POST", path + "/cancel", operator="dave"), 403, "RoleMissing")
    answer = service.call("POST", path + "/cancel", operator="carol")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


async def test_without_secrets_no_callback_is_promised(valkey_url: str, redis: Redis) -> None:
    with running_service(configured(valkey_url, callback={})) as unsigned:
        answer = unsigned.ask({**ASKED, "callback_url": "https://x.example/hook"})
        assert "callback.secrets" in only_error(answer, 422, "InvalidRequest")
        assert await stored(redis) == {}
        assert unsigned.ask(ASKED).status_code == 202


async def test_the_same_key_is_the_same_deletion(service: Service, redis: Redis) -> None:
    first = service.ask(ASKED, idempotency_key="k1")
    again = service.ask(ASKED, idempotency_key="k1")
    other = service.ask(ASKED, idempotency_key="k2")
    assert [answer.status_code for answer in (first, again, other)] == [202, 202, 202]
    assert again.json()["id"] == first.json()["id"] != other.json()["id"]
    assert await redis.llen(QUEUE_KEY) == 2


@pytest.mark.usefixtures("redis")
async def test_a_key_is_for_one_request(service: Service) -> None:
    service.ask(ASKED, idempotency_key="k1")
    answer = service.ask({**ASKED, "org_id": "302"}, idempotency_key="k1")
    assert "Idempotency-Key" in only_error(answer, 422, "InvalidRequest")


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_a_key_has_a_length(service: Service, redis: Redis, key: str) -> None:
    only_error(service.ask(ASKED, idempotency_key=key), 422, "InvalidRequest")
    assert await stored(redis) == {}


@pytest.mark.usefixtures("redis")
async def test_without_a_key_every_request_is_a_deletion(service: Service) -> None:
    assert service.ask(ASKED).json()["id"] != service.ask(ASKED).json()["id"]


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    ("prefer", "seconds", "applied"),
    [
        ("wait=0", 0.0, "wait=0"),
        ("wait=1", 1.0, "wait=1"),
        ("respond-async, wait=1", 1.0, "wait=1"),
        ("wait=soon", 0.0, None),
        ("wait=-1", 0.0, None),
        ("await=1", 0.0, None),
        ("return=minimal", 0.0, None),
    ],
)
async def test_a_wait_ends(
    service: Service, prefer: str, seconds: float, applied: str | None
) -> None:
    answer = service.ask(ASKED, prefer=prefer)
    assert answer.status_code == 202
    assert answer.json()["state"] == "queued"
    assert answer.headers.get("preference-applied") == applied
    assert seconds <= answer.elapsed.total_seconds() < seconds + 5


async def end(ledger: Ledger, deletion_id: str) -> None:
    """What a worker does with a deletion that fails."""
    now = datetime.now(UTC)
    held = await ledger.deletions.lease(deletion_id, now)
    assert held is not None
    await ledger.deletions.record(held, Change(state=FAILED), now)


@pytest.mark.usefixtures("redis")
async def test_what_ended_is_not_waited_for(service: Service, ledger: Ledger) -> None:
    first = service.ask(ASKED, idempotency_key="k1").json()
    await end(ledger, first["id"])
    answer = service.ask(ASKED, idempotency_key="k1", prefer="wait=9999")
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.elapsed.total_seconds() < 30
    result = answer.json()["result"]
    assert (result["success"], result["deleted"], answer.json()["due_at"]) == (False, False, None)


@pytest.mark.parametrize("name", ["del_0", "x:y", "%2e%2e", "s", "*", "é", "x" * 3000])
async def test_an_unknown_deletion(service: Service, redis: Redis, name: str) -> None:
    only_error(service.call("GET", f"/v1/deletions/{name}"), 404, "NotFound")
    only_error(service.call("POST", f"/v1/deletions/{name}/cancel"), 404, "NotFound")
    assert await stored(redis) == {}


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("source", ["cww", "CW", "cw%20", "schedule:cw"])
async def test_a_misspelt_source_stops_nothing_and_says_so(service: Service, source: str) -> None:
    path = "/v1/sources/{}/cancel"
    answer = service.call("POST", path.format(source), json={"reason": "its secret leaked"})
    only_error(answer, 404, "NotFound")
    for known in ("cw", "api"):
        answer = service.call("POST", path.format(known), json={"reason": "its secret leaked"})
        assert (answer.status_code, answer.json()["cancelled"]) == (200, [])


@pytest.mark.usefixtures("redis")
async def test_the_command_stops_all_that_a_source_asked_for(
    service: Service, ledger: Ledger, unglue: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNGLUE_TOKEN", token("carol"))
    asked = [service.ask({**ASKED, "org_id": each}).json()["id"] for each in ("301", "302", "303")]
    gone = {"intent_kind": "delete", "intent_state": "accepted"}
    await become(ledger, asked[2], "verifying", **gone)

    assert unglue("cancel", "--source", "api").status == 2  # no reason
    assert unglue("cancel", asked[0], "--source", "api", "--reason", "x").status == 2
    shown = unglue("cancel", "--source", "api", "--reason", "its token leaked")
    assert shown.status == 1
    assert sorted(shown.out.splitlines()) == sorted(f"{each} is cancelled" for each in asked[:2])
    assert shown.err == (
        f"{asked[2]} could not be stopped any more; see: unglue deletions {asked[2]}\n"
    )
    states = [(await ledger.deletions.get(each)).state for each in asked]
    assert states == ["cancelled", "cancelled", "verifying"]
    none = unglue("cancel", "--source", "cw", "--reason", "its secret leaked")
    assert (none.status, none.out) == (0, "No deletion of source cw is open.\n")


@pytest.mark.usefixtures("redis")
async def test_a_cancelled_deletion(service: Service, ledger: Ledger) -> None:
    deletion_id = service.ask(ASKED).json()["id"]
    answer = service.call("POST", f"/v1/deletions/{deletion_id}/cancel")
    assert answer.status_code == 200
    deletion = answer.json()
    assert (deletion["state"], deletion["due_at"]) == ("cancelled", None)
    result = deletion["result"]
    assert (result["success"], result["deleted"], result["org_id"]) == (False, False, "301")
    (error,) = result["errors"]
    assert (error["code"], error["message"]) == ("Cancelled", "cancelled by operator alice")
    assert result["details"]["state"] == "cancelled"
    assert [entry["entry"] for entry in deletion["journal"]] == ["created", "cancelled", "ended"]

    assert await ledger.deletions.lease(deletion_id, datetime.now(UTC)) is None
    again = service.call("POST", f"/v1/deletions/{deletion_id}/cancel")
    assert (again.status_code, again.json()) == (200, deletion)
    shown = service.call("GET", f"/v1/deletions/{deletion_id}").json()
    assert shown == deletion


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/deletions", {"POST"}),
        ("DELETE", "/v1/deletions/del_1", {"GET", "HEAD"}),
        ("GET", "/v1/deletions/del_1/cancel", {"POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
    ],
)
def test_another_method(service: Service, method: str, path: str, allowed: set[str]) -> None:
    answer = service.call(method, path)
    only_error(answer, 405, "MethodNotAllowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


async def test_a_bug_is_answered_in_the_documented_form(service: Service, redis: Redis) -> None:
    await redis.hset("unglue:deletion:del_1", "state", "half a record")
    # The server ends a connection on which a bug showed.
    answer = service.call("GET", "/v1/deletions/del_1", headers={"connection": "close"})
    message = only_error(answer, 500, "InternalError")
    assert "KeyError" not in message


def test_no_redis() -> None:
    with running_service(configured("redis://127.0.0.1:1/0")) as service:
        for method, path in PROTECTED:
            answer = service.call(method, path, json=ASKED)
            only_error(answer, 503, "StorageUnavailable")
            assert int(answer.headers["retry-after"]) > 0


async def test_what_is_shown_is_of_one_moment(service: Service, ledger: Ledger) -> None:
    """A result that was given up is never shown without the line that says why."""

    def once_given_up(path: str, looking: Semaphore) -> dict[str, Any]:
        while True:
            looking.release()
            shown: dict[str, Any] = service.call("GET", path).json()
            if shown["callbacks"][0]["state"] == "dead":
                return shown

    for number in range(50):
        looking = Semaphore(0)
        deletion_id, now = service.ask(ASKED).json()["id"], datetime.now(UTC)
        held = await ledger.deletions.lease(deletion_id, now)
        assert held is not None
        await ledger.deletions.record(held, Change(state=FAILED), now)
        callback_id = f"cb_{deletion_id.removeprefix('del_')}_1"
        for minutes in (0, 2, 4):
            at = now + timedelta(minutes=minutes)
            assert await ledger.callbacks.lease(callback_id, at) is not None
        watcher = asyncio.create_task(
            asyncio.to_thread(once_given_up, f"/v1/deletions/{deletion_id}", looking)
        )
        for _ in range(1 + number % 5):
            await asyncio.to_thread(looking.acquire)
        await ledger.callbacks.lease(callback_id, now + timedelta(minutes=6))
        shown = await watcher
        assert shown["journal"][-1]["entry"] == "callback"
