"""A decision that could not be said to be on disk: said again, it is the same one."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.support.approvals import DEPENDENCIES, again, awaiting
from tests.support.audit import pending
from tests.support.failing_valkey import FailingValkey, own_valkey
from tests.support.service import Service, configured, only_error, token
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.pipeline.states import BLOCKED, DELETED
from workers.processes.queue import QUEUE_KEY
from workers.settings import Settings
from workers.times.clock import system_clock

ALL = ("request", "approve")
REASON = {"reason": "they pay again"}


@pytest.fixture(scope="module")
def valkey() -> Iterator[FailingValkey]:
    with own_valkey(appendfsync="always") as server:
        yield server


@pytest.fixture(scope="module")
def valkey_url(valkey: FailingValkey) -> str:
    return valkey.url


@pytest.fixture(scope="module")
def settings(valkey_url: str) -> Settings:
    operators = {
        name: {"token_sha256": hashlib.sha256(token(name).encode()).hexdigest(), "roles": ALL}
        for name in ("alice", "carol", "erin")
    }
    policy = {"export": False, "approval": "always"}
    return configured(valkey_url, policy=policy, operators=operators, durability="fsync")


def decide(service: Service, what: str, body: Any = None, operator: str = "carol") -> Any:
    return service.call("POST", f"/v1/deletions/del_1/{what}", operator=operator, json=body)


async def decisions(redis: Redis) -> list[str]:
    """What was written down for the audit log since the deletion was made."""
    told = [line.get("what") or line["entry"] for line in await pending(redis)]
    return [what for what in told if what not in {"configuration", "created", "planned", "state"}]


async def seen(ledger: Ledger) -> str:
    asked = (await ledger.deletions.get("del_1")).asked
    assert asked is not None
    return asked.seen


@pytest.mark.parametrize(
    ("what", "body", "state"),
    [("cancel", None, "cancelled"), ("reject", REASON, "cancelled"), ("approve", {}, "queued")],
)
async def test_the_same_again(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, valkey: FailingValkey,
    what: str, body: Any, state: str,
) -> None:  # fmt: skip
    await awaiting(ledger, settings)
    if what == "approve":
        body = {"digest": await seen(ledger), "force_delete": False, "reason": "they left"}
    await redis.delete("unglue:audit:pending", QUEUE_KEY)
    # The server never says that it has anything on disk.
    with valkey.configured("appendfsync", "no"):
        only_error(decide(service, what, body), 503, "StorageUnavailable")
        record: Any = await redis.hgetall("unglue:deletion:del_1")
        written = await decisions(redis)
        assert record[b"state"].decode() == state
        assert written[0].startswith(what)
        only_error(decide(service, what, body), 503, "StorageUnavailable")
    for _ in range(2):
        answer = decide(service, what, body)
        assert (answer.status_code, answer.json()["state"]) == (200, state), answer.text
    assert await redis.hgetall("unglue:deletion:del_1") == record
    assert await decisions(redis) == written
    # What was not queued when nobody could say that it stands is queued now, once.
    assert await redis.llen(QUEUE_KEY) == (what == "approve")
    message = only_error(decide(service, what, body, "erin"), 409, "Conflict")
    assert "already approved by carol" in message or "has ended" in message


async def test_decisions_stand_once(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    assert decide(service, "reject", REASON).status_code == 200
    for what, body in (
        ("reject", {"reason": "another"}),
        ("cancel", None),
        ("approve", {"digest": await seen(ledger)}),
    ):
        assert "has ended" in only_error(decide(service, what, body), 409, "Conflict")


async def test_approvals_stand_once(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings, DEPENDENCIES)
    digest = await seen(ledger)
    given = {"digest": digest, "force_delete": True}
    assert decide(service, "approve", given).status_code == 200
    for body in ({"digest": digest}, {"digest": "0" * 64, "force_delete": True}):
        message = only_error(decide(service, "approve", body), 409, "Conflict")
        assert "already approved by carol" in message
    assert decide(service, "approve", given).status_code == 200


async def test_void_stays_void(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    body = {"digest": await seen(ledger)}
    assert decide(service, "approve", body).status_code == 200
    await again(ledger, settings, assets=3)
    assert "look again" in only_error(decide(service, "approve", body), 409, "Conflict")
    granted = (await ledger.deletions.get("del_1")).granted
    assert granted is None


@pytest.mark.parametrize(("end", "status"), [(DELETED, 200), (BLOCKED, 409), ("cancelled", 409)])
async def test_an_approval_after_the_end(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, end: str, status: int
) -> None:
    await awaiting(ledger, settings)
    body = {"digest": await seen(ledger)}
    assert decide(service, "approve", body).status_code == 200
    await redis.delete(QUEUE_KEY)
    if end == "cancelled":
        assert decide(service, "cancel").status_code == 200
    else:
        now = system_clock()
        held = await ledger.deletions.lease("del_1", now)
        assert held is not None
        await ledger.deletions.record(held, Change(state=end), now)
    answer = decide(service, "approve", body)
    assert answer.status_code == status, answer.text
    assert status == 409 or answer.json()["state"] == end
    assert await redis.llen(QUEUE_KEY) == 0


async def test_what_was_replayed_is_decided_anew(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    await awaiting(ledger, settings)
    for _ in range(2):
        await redis.delete("unglue:audit:pending")
        assert decide(service, "cancel").status_code == 200
        assert "cancelled" in await decisions(redis)
        path = "/v1/deletions/del_1/replay"
        assert service.call("POST", path, operator="alice").status_code == 202
