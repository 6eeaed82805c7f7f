"""`/v1/deletions`: asking, looking, cancelling; who may, and what is refused."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.support.service import (
    Service,
    configured,
    only_error,
    running_service,
    stored,
    token,
)
from workers.ledger.deletions import Change
from workers.ledger.ledger import Ledger
from workers.queue import QUEUE_KEY
from workers.states import FAILED

ASKED = {"org_id": "301", "confirm_delete": True, "reason": "contract ended"}
ID = re.compile(r"del_[0-9a-f]{20}")


@pytest.fixture(scope="module")
def service(valkey_url: str) -> Iterator[Service]:
    with running_service(configured(valkey_url)) as running:
        yield running


async def test_a_deletion_is_created(service: Service, redis: Redis, ledger: Ledger) -> None:
    answer = service.ask(ASKED)
    assert answer.status_code == 202, answer.text
    deletion = answer.json()
    assert ID.fullmatch(deletion["id"])
    assert answer.headers["location"] == f"/v1/deletions/{deletion['id']}"
    assert deletion.keys() == {
        "id",
        "state",
        "source",
        "delivery_id",
        "actor",
        "created_at",
        "updated_at",
        "due_at",
        "request",
        "plan",
        "journal",
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


@pytest.mark.parametrize(("method", "path"), PROTECTED)
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
    only_error(service.call("POST", path + "/cancel", operator=operator), 403, "RoleMissing")
    assert service.call("GET", path, operator=operator).json()["state"] == "queued"


MALFORMED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "InvalidIdentifier"),
    "no identifier": ({"confirm_delete": True}, "InvalidIdentifier"),
    "null identifiers": ({"org_id": None, "org_name": None}, "InvalidIdentifier"),
    "empty id": ({"org_id": ""}, "InvalidIdentifier"),
    "empty name": ({"org_name": ""}, "InvalidIdentifier"),
    "blank name": ({"org_name": "  "}, "InvalidIdentifier"),
    "both empty": ({"org_id": "", "org_name": ""}, "InvalidIdentifier"),
    "an id that is a number": ({"org_id": 301}, "InvalidIdentifier"),
    "an id with a sign": ({"org_id": "-301"}, "InvalidIdentifier"),
    "an id with a blank": ({"org_id": " 301"}, "InvalidIdentifier"),
    "an id with a line break": ({"org_id": "301\n"}, "InvalidIdentifier"),
    "an id with a zero": ({"org_id": "0301"}, "InvalidIdentifier"),
    "two ids": ({"org_id": "301,302"}, "InvalidIdentifier"),
    "a list of ids": ({"org_id": ["301"]}, "InvalidIdentifier"),
    "other digits": ({"org_id": "٣٠١"}, "InvalidIdentifier"),
    "a long id": ({"org_id": "1" * 20}, "InvalidIdentifier"),
    "a path": ({"org_id": "301/../302"}, "InvalidIdentifier"),
    "a long name": ({"org_name": "n" * 256}, "InvalidIdentifier"),
    "a hidden character": ({"org_name": "TestCompany\u0000"}, "InvalidIdentifier"),
    "half a character": ({"org_name": "\ud800"}, "InvalidIdentifier"),
    "a text for true": ({**ASKED, "confirm_delete": "true"}, "InvalidRequest"),
    "a number for true": ({**ASKED, "dry_run": 1}, "InvalidRequest"),
    "null for false": ({**ASKED, "force_delete": None}, "InvalidRequest"),
    "an unknown field": ({**ASKED, "dryrun": True}, "InvalidRequest"),
    "a field in another case": ({**ASKED, "Dry_Run": True}, "InvalidRequest"),
    "a PSA link": (
        {"psa": {"integration_type": "manage", "company_id": "2"}, "confirm_delete": True},
        "InvalidRequest",
    ),
    "a PSA link beside an id": ({**ASKED, "psa": None}, "InvalidRequest"),
    "half a character in the reason": ({**ASKED, "reason": "\ud800"}, "InvalidRequest"),
    "a long reason": ({**ASKED, "reason": "r" * 2001}, "InvalidRequest"),
    "a callback that is no URL": ({**ASKED, "callback_url": "hook"}, "InvalidRequest"),
    "a callback by ftp": ({**ASKED, "callback_url": "ftp://x.example/"}, "InvalidRequest"),
    "a callback in the clear": ({**ASKED, "callback_url": "http://x.example/"}, "InvalidRequest"),
    "a callback with a password": (
        {**ASKED, "callback_url": "https://u:p@x.example/"},
        "InvalidRequest",
    ),
    "a callback to loopback": ({**ASKED, "callback_url": "https://127.1/"}, "InvalidRequest"),
    "a list": ([ASKED], "InvalidRequest"),
    "a text": ("301", "InvalidRequest"),
    "null": (None, "InvalidRequest"),
    "no JSON": (b"{", "InvalidRequest"),
    "a form": (b"org_id=301", "InvalidRequest"),
    "no bytes": (b"", "InvalidRequest"),
    "not UTF-8": (b'{"org_name": "\xff"}', "InvalidRequest"),
    "a key twice": (b'{"org_id": "301", "org_id": "302"}', "InvalidRequest"),
    "a key twice, escaped": (b'{"org_id": "301", "org_\\u0069d": "302"}', "InvalidRequest"),
    "deep": (b"[" * 100_000, "InvalidRequest"),
    "a long number": (b'{"org_id": ' + b"1" * 5000 + b"}", "InvalidRequest"),
    "no number": (b'{"org_id": NaN}', "InvalidRequest"),
    "half a key": (b'{"org_id": "301", "\\ud800": 1}', "InvalidRequest"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_malformed_creates_nothing(service: Service, redis: Redis, name: str) -> None:
    content, code = MALFORMED[name]
    message = only_error(service.ask(content), 422, code)
    assert await stored(redis) == {}
    assert "Value error" not in message
    assert len(message) < 1000


@pytest.mark.usefixtures("redis")
async def test_the_fields_at_fault_are_named(service: Service) -> None:
    answer = service.ask({"org_id": "x", "dryrun": True, "dry_run": "yes"})
    message = only_error(answer, 422, "InvalidIdentifier")
    assert message == (
        "org_id: must be an IT Glue organization id: 1 to 19 digits, no leading zero; "
        "dry_run: must be true or false; dryrun: there is no such name here"
    )


@pytest.mark.usefixtures("redis")
async def test_a_flood_of_faults_is_answered_briefly(service: Service) -> None:
    many = {"org_id": "301", **{f"field{number}": 1 for number in range(20_000)}}
    assert len(only_error(service.ask(many), 422, "InvalidRequest")) < 2000
    long = {"org_id": "301", "x" * 900_000: 1}
    assert len(only_error(service.ask(long), 422, "InvalidRequest")) < 2000


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
    assert seconds <= answer.elapsed.total_seconds() < seconds + 1


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
    assert answer.elapsed.total_seconds() < 1
    result = answer.json()["result"]
    assert (result["success"], result["deleted"], answer.json()["due_at"]) == (False, False, None)


@pytest.mark.parametrize("name", ["del_0", "x:y", "%2e%2e", "s", "*", "é", "x" * 3000])
async def test_an_unknown_deletion(service: Service, redis: Redis, name: str) -> None:
    only_error(service.call("GET", f"/v1/deletions/{name}"), 404, "NotFound")
    only_error(service.call("POST", f"/v1/deletions/{name}/cancel"), 404, "NotFound")
    assert await stored(redis) == {}


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
    answer = service.call("POST", f"/v1/deletions/{deletion_id}/cancel")
    only_error(answer, 409, "Conflict")
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


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_request(service: Service, redis: Redis, *, chunked: bool) -> None:
    body = json.dumps({**ASKED, "reason": "r" * 2**20}).encode()
    content = iter([body]) if chunked else body
    answer = service.call("POST", "/v1/deletions", content=content)
    only_error(answer, 413, "PayloadTooLarge")
    assert await stored(redis) == {}


def test_no_redis() -> None:
    with running_service(configured("redis://127.0.0.1:1/0")) as service:
        for method, path in PROTECTED:
            answer = service.call(method, path, json=ASKED)
            only_error(answer, 503, "StorageUnavailable")
            assert int(answer.headers["retry-after"]) > 0


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.text())
NAMES = st.sampled_from(
    ["org_id", "org_name", "confirm_delete", "dry_run", "reason", "callback_url", "psa"]
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.dictionaries(NAMES | st.text(max_size=9), VALUES, max_size=5))
def test_any_request_is_answered(service: Service, content: dict[str, Any]) -> None:
    answer = service.ask(content)
    if answer.status_code == 202:
        assert isinstance(content.get("org_id"), str) or isinstance(content.get("org_name"), str)
    else:
        only_error(answer, 422, answer.json()["errors"][0]["code"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered(service: Service, body: bytes) -> None:
    only_error(service.ask(body), 422, "InvalidRequest")
