"""`POST /webhooks/{source}`: what a genuine delivery comes to."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.support.queued import queued
from tests.support.service import Service, signature, stored
from workers.ledger.ledger import Ledger
from workers.pipeline.states import TERMINAL
from workers.processes.queue import QUEUE_KEY

NOW = datetime.now(UTC)
WITH_KEYS: dict[str, Any] = {}
KEYS = {"delivery_id", "verdict", "deletion_id", "reason"}


def accepted(service: Service, body: bytes, **options: Any) -> dict[str, Any]:
    """The answer to a genuine delivery, whatever its verdict."""
    answer = service.send(body, **options)
    assert answer.status_code == 202, answer.text
    assert answer.headers["content-type"] == "application/json"
    content: dict[str, Any] = answer.json()
    assert content.keys() == KEYS
    return content


async def states(ledger: Ledger, redis: Redis) -> dict[str, str]:
    """Every deletion there is, and its state."""
    ids = cast("list[bytes]", await redis.zrange("unglue:deletions", 0, -1))
    return {name.decode(): (await ledger.deletions.get(name.decode())).state for name in ids}


async def test_inactive_makes_a_deletion(service: Service, redis: Redis, ledger: Ledger) -> None:
    body = service.callback(2, at=NOW)
    receipt = accepted(service, body)
    assert (receipt["verdict"], receipt["reason"]) == ("accepted", "created")

    deletion = await ledger.deletions.get(receipt["deletion_id"])
    assert deletion.request.plain() == {
        "org_name": "Client 2",
        "confirm_delete": True,
        "dry_run": False,
        "force_delete": False,
        "psa": {"integration_type": "manage", "company_id": "2"},
        "reason": "ConnectWise company 2 is Inactive",
    }
    assert (deletion.source, deletion.delivery_id) == ("cw", receipt["delivery_id"])
    assert deletion.callback_url == "https://rewst.example.com/hook"
    delivery = await ledger.deliveries.get(receipt["delivery_id"])
    assert (delivery.body, delivery.deletion_id) == (body, deletion.id)
    await queued(redis)


async def test_a_repeat_is_one_deletion(service: Service, redis: Redis, ledger: Ledger) -> None:
    body = service.callback(2)
    first = accepted(service, body)
    again = [accepted(service, body) for _ in range(3)]
    assert {entry["verdict"] for entry in again} == {"duplicate"}
    assert {entry["deletion_id"] for entry in again} == {first["deletion_id"]}
    assert list(await states(ledger, redis)) == [first["deletion_id"]]
    await queued(redis)


@pytest.mark.parametrize("order", ["as it happened", "reversed"])
async def test_active_again(service: Service, redis: Redis, ledger: Ledger, order: str) -> None:
    inactive = service.callback(2, at=NOW - timedelta(minutes=2))
    active = service.callback(2, status="Active", at=NOW - timedelta(minutes=1))
    deliveries = [inactive, active]
    if order == "reversed":
        deliveries.reverse()
    receipts = [accepted(service, body) for body in deliveries]

    verdicts = [(receipt["verdict"], receipt["reason"]) for receipt in receipts]
    found = await states(ledger, redis)
    if order == "reversed":
        assert verdicts == [("ignored", "client_active"), ("ignored", "stale")]
        assert found == {}
    else:
        assert verdicts == [("accepted", "created"), ("cancelled", "reactivated")]
        assert found == {receipts[0]["deletion_id"]: "cancelled"}
    assert all(state in TERMINAL for state in found.values())
    # And no later repetition of the inactive event wakes it.
    assert accepted(service, inactive)["verdict"] == "duplicate"
    resent = service.callback(2, at=NOW - timedelta(minutes=2))
    assert accepted(service, resent)["reason"] == "stale"
    assert await states(ledger, redis) == found


async def test_clients_are_told_apart(service: Service, redis: Redis, ledger: Ledger) -> None:
    earlier = NOW - timedelta(minutes=1)
    first, second = (accepted(service, service.callback(each, at=earlier)) for each in (2, 3))
    back = accepted(service, service.callback(2, status="Active", at=NOW))
    assert back["deletion_id"] == first["deletion_id"]
    found = await states(ledger, redis)
    assert found == {first["deletion_id"]: "cancelled", second["deletion_id"]: "queued"}


@pytest.mark.usefixtures("redis")
async def test_an_old_event_is_ignored(service: Service, ledger: Ledger) -> None:
    receipt = accepted(service, service.callback(2, at=NOW - timedelta(days=8)))
    assert (receipt["verdict"], receipt["reason"]) == ("ignored", "too_old")
    assert receipt["deletion_id"] is None
    assert (await ledger.deliveries.get(receipt["delivery_id"])).verdict == "ignored"


def not_json(service: Service) -> bytes:
    return b'{"Metadata": {"key_url": "' + service.key_url().encode() + b'"}, "Type": "company"'


def not_utf8(service: Service) -> bytes:
    return service.callback(2, Entity="@").replace(b'"@"', b'"\xff\xfe"')


def foreign(service: Service) -> bytes:
    return service.callback(2, CompanyId="Nickel")


def deep(service: Service) -> bytes:
    return service.callback(2, Extra="@").replace(b'"@"', b"[" * 100 + b"]" * 100)


def twice(service: Service) -> bytes:
    return service.callback(2).replace(b'"ID": 2', b'"ID": 2, "ID": 3')


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (not_json, "not_json"),
        (not_utf8, "not_utf8"),
        (foreign, "foreign_company"),
        (deep, "nested_too_deeply"),
        (twice, "duplicate_key"),
    ],
)
async def test_genuine_and_not_understood_is_kept(
    service: Service, redis: Redis, ledger: Ledger, make: Any, reason: str
) -> None:
    body = make(service)
    receipt = accepted(service, body)
    assert (receipt["verdict"], receipt["reason"]) == ("rejected", reason)
    assert receipt["deletion_id"] is None
    delivery = await ledger.deliveries.get(receipt["delivery_id"])
    assert (delivery.verdict, delivery.reason, delivery.body) == ("rejected", reason, body)
    assert await states(ledger, redis) == {}
    assert await redis.llen(QUEUE_KEY) == 0


async def test_credentials_are_not_kept(service: Service, redis: Redis, ledger: Ledger) -> None:
    body = service.callback(2)
    headers = {
        "x-content-signature": signature(body),
        "user-agent": "ConnectWise",
        "content-type": "application/json",
        "authorization": "Basic c2VjcmV0",
        "proxy-authorization": "Basic c2VjcmV0",
        "cookie": "session=c2VjcmV0",
        "x-api-key": "c2VjcmV0",
    }
    delivery = await ledger.deliveries.get(accepted(service, body, headers=headers)["delivery_id"])
    assert sorted(name for name, _ in delivery.headers) == [
        "content-type",
        "user-agent",
        "x-content-signature",
    ]
    assert "c2VjcmV0" not in repr(await stored(redis))


async def test_appended_queries_are_dropped(service: Service, redis: Redis, ledger: Ledger) -> None:
    receipt = accepted(service, service.callback(2), source="cw?recordId=9&action=deleted")
    assert await states(ledger, redis) == {receipt["deletion_id"]: "queued"}
    assert (await ledger.deletions.get(receipt["deletion_id"])).client == "2"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    ["Action", "CompanyId", "Entity", "FromUrl", "ID", "MemberId", "MessageId", "Type", "Other"]
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(changes=st.dictionaries(FIELDS, JSON, max_size=4))
def test_any_genuine_json_is_acknowledged(service: Service, changes: dict[str, Any]) -> None:
    accepted(service, service.callback(2, **changes))


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(entity=JSON)
def test_any_genuine_entity_is_acknowledged(service: Service, entity: Any) -> None:
    accepted(service, service.callback(2, Entity=json.dumps(entity)))
