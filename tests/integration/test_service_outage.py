"""`POST /webhooks/{source}` when a part does not answer: the sender is made to send again."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.stand_ins import KEY_PATH
from tests.support.receiver import silent
from tests.support.serve import serve
from tests.support.service import (
    KEY,
    Outside,
    configured,
    only_error,
    running_service,
    service_with_keys,
    stored,
)
from workers.intake.intake import Intake
from workers.ledger.events.quarantine import MOST_BYTES
from workers.ledger.ledger import Ledger
from workers.processes.queue import QUEUE_KEY

# ConnectWise sends a callback again only for this status, and waits 5 s for it.
RETRIED = 429
PATIENCE = 5.0


def require_again(answer: httpx.Response, code: str) -> None:
    """The answer makes the sender send again, in time to be heard."""
    only_error(answer, RETRIED, code)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.elapsed.total_seconds() < PATIENCE


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/valkey.sock"])
def test_no_redis(url: str) -> None:
    with service_with_keys(url) as service:
        answer = service.send(service.callback())
        require_again(answer, "StorageUnavailable")
        assert answer.elapsed.total_seconds() < 2
        only_error(service.send(b"{}"), 401, "SignatureInvalid")


def test_a_redis_that_hangs() -> None:
    with silent() as port, service_with_keys(f"redis://127.0.0.1:{port}/0") as service:
        require_again(service.send(service.callback()), "StorageUnavailable")


async def test_a_redis_that_takes_no_writes(valkey_url: str, redis: Redis) -> None:
    with service_with_keys(valkey_url) as service:
        body = service.callback()
        await redis.config_set("min-replicas-to-write", 1)
        try:
            require_again(service.send(body), "StorageUnavailable")
        finally:
            await redis.config_set("min-replicas-to-write", 0)
        assert await stored(redis) == {}
        # The same delivery, sent again as ConnectWise does.
        assert service.send(body).json()["verdict"] == "accepted"


async def test_what_the_ledger_cannot_judge_is_sent_again(valkey_url: str, redis: Redis) -> None:
    """A script that fails is no reason to lose an event."""
    with service_with_keys(valkey_url) as service:
        await redis.set("unglue:register:cw:2", "not a hash")
        require_again(service.send(service.callback(2)), "StorageUnavailable")


@pytest.mark.usefixtures("redis")
async def test_a_bug_does_not_lose_it(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(Intake, "record", broken)
    with service_with_keys(valkey_url) as service:
        require_again(service.send(service.callback()), "InternalError")


async def test_without_queue_it_stays_due(valkey_url: str, redis: Redis, ledger: Ledger) -> None:
    await redis.set(QUEUE_KEY, "not a list")
    with service_with_keys(valkey_url) as service:
        answer = service.send(service.callback())
    assert answer.status_code == 202
    deletion_id = answer.json()["deletion_id"]
    await redis.delete(QUEUE_KEY)
    later = datetime.now(UTC) + timedelta(seconds=31)
    assert [name for name, _ in (await ledger.deletions.hand_out(later)).jobs] == [deletion_id]


async def require_quarantined(answer: httpx.Response, ledger: Ledger, body: bytes) -> None:
    """The delivery is kept as it came, and asks for nothing."""
    assert answer.status_code == 202, answer.text
    assert answer.elapsed.total_seconds() < PATIENCE
    receipt = answer.json()
    assert (receipt["verdict"], receipt["deletion_id"]) == ("unverified", None)
    delivery = await ledger.deliveries.get(receipt["delivery_id"])
    assert (delivery.verdict, delivery.body) == ("unverified", body)
    assert await ledger.store.redis.exists("unglue:deletions", QUEUE_KEY) == 0


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("status", [500, 503, 429, 403, 302])
async def test_a_key_server_that_fails(valkey_url: str, ledger: Ledger, status: int) -> None:
    async def failing(_request: object) -> Response:
        return Response("{}", status)

    keys = Outside(Starlette(routes=[Route(KEY_PATH, failing)]))
    with serve(keys) as origin, running_service(configured(valkey_url, origin), keys) as service:
        body = service.callback()
        await require_quarantined(service.send(body), ledger, body)


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("hangs", [False, True])
async def test_no_key_server(valkey_url: str, ledger: Ledger, *, hangs: bool) -> None:
    with silent() as port:
        origin = f"http://127.0.0.1:{port if hangs else 1}"
        with running_service(configured(valkey_url, origin)) as service:
            body = service.callback()
            await require_quarantined(service.send(body), ledger, body)


async def test_no_key_server_and_no_room(valkey_url: str, redis: Redis) -> None:
    await redis.hset("unglue:quarantine:bytes", "cw", str(MOST_BYTES))
    before = await stored(redis)
    with running_service(configured(valkey_url, "http://127.0.0.1:1")) as service:
        require_again(service.send(service.callback()), "SigningKeyUnavailable")
    after = await stored(redis)
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if b":deliver" in name]


async def test_a_key_that_is_not_known_may_be_soon(valkey_url: str, redis: Redis) -> None:
    """ConnectWise's own servers differ for a moment; after 401 it would never send again."""

    async def unknown(_: Request) -> Response:
        return Response(status_code=404)

    with (
        serve(Starlette(routes=[Route(KEY_PATH, unknown)])) as origin,
        running_service(configured(valkey_url, origin)) as service,
    ):
        before = await stored(redis)
        require_again(service.send(service.callback()), "SignatureInvalid")
        assert not [name for name in await stored(redis) if name not in before and b":d" in name]


def test_no_key_server_and_no_redis() -> None:
    with running_service(configured("redis://127.0.0.1:1", "http://127.0.0.1:1")) as service:
        require_again(service.send(service.callback()), "StorageUnavailable")


@pytest.mark.usefixtures("redis")
async def test_a_remembered_key_outlives_its_server(valkey_url: str) -> None:
    gone = False

    async def key(_request: object) -> Response:
        return Response(status_code=503) if gone else JSONResponse({"signing_key": KEY})

    keys = Outside(Starlette(routes=[Route(KEY_PATH, key)]))
    with serve(keys) as origin, running_service(configured(valkey_url, origin), keys) as service:
        assert service.send(service.callback()).status_code == 202
        gone = True
        assert service.send(service.callback()).status_code == 202
