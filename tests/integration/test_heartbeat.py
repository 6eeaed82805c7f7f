"""The dead man's switch: called while all is well, silent otherwise, and doctor says which."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from service.doctor.finding import Finding
from service.doctor.work import work_findings
from tests.support.clock import TestClock
from tests.support.receiver import receiving, reply
from tests.support.service import configured
from workers.ledger.installation.measures import PARTS
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import Clock
from workers.upkeep.heartbeat import EVERY, DeadManSwitch

ALIVE = timedelta(hours=1)


async def told(settings: Settings, ledger: Ledger, clock: Clock) -> list[Finding]:
    return [each async for each in work_findings(settings, ledger, clock)]


async def all_alive(ledger: Ledger, now: datetime) -> None:
    for part in PARTS:
        await ledger.heartbeats.beat(part, now, ALIVE)


def watched(valkey_url: str, url: str) -> Settings:
    return configured(valkey_url, heartbeat={"url": url, "allow_private_networks": True})


async def minute(redis: Redis, clock: TestClock) -> None:
    """A minute passes; the claim's own time is the server's."""
    clock.forward(minutes=1)
    await redis.delete("unglue:tick:heartbeat")


async def test_it_is_called_once_a_minute_while_all_is_well(
    ledger: Ledger, redis: Redis, valkey_url: str, clock: TestClock
) -> None:
    await all_alive(ledger, clock())
    async with receiving() as receiver:
        settings = watched(valkey_url, receiver.url)
        one, other = (DeadManSwitch(settings, ledger, clock) for _ in range(2))
        for switch in (one, other, one):
            await switch.beat()
        assert [each.line for each in receiver.received] == ["POST /hook HTTP/1.1"]
        assert timedelta(minutes=1) > EVERY
        await minute(redis, clock)
        await other.beat()
        assert len(receiver.received) == 2
    (found,) = await told(settings, ledger, clock)
    assert (found.part, found.level) == ("heartbeat", "ok")


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ("service", "no service is alive"),
        ("worker", "no worker is alive"),
        ("scheduler", "no scheduler is alive"),
        ("outbox", "no outbox is alive"),
        ("overdue", "1 deletion is overdue"),
        ("paused", "paused: key_refused"),
    ],
)
async def test_it_is_withheld_while_something_is_not_well(
    ledger: Ledger, redis: Redis, valkey_url: str, clock: TestClock, trouble: str, why: str
) -> None:
    await all_alive(ledger, clock())
    store: Any = redis
    if trouble == "overdue":
        await store.zadd("unglue:due", {"del_1": 1})
    elif trouble == "paused":
        await store.hset("unglue:paused", "key_refused", "{}")
    else:
        await redis.delete(f"unglue:heartbeat:{trouble}")
    async with receiving() as receiver:
        settings = watched(valkey_url, receiver.url)
        await DeadManSwitch(settings, ledger, clock).beat()
        assert receiver.received == []
    said = [each.message for each in await told(settings, ledger, clock)]
    assert f"is withheld: {why}" in said


async def test_an_operators_pause_counts(ledger: Ledger, valkey_url: str, clock: TestClock) -> None:
    await all_alive(ledger, clock())
    await ledger.stop_switch.pause("alice", "the merger", clock())
    async with receiving() as receiver:
        await DeadManSwitch(watched(valkey_url, receiver.url), ledger, clock).beat()
        assert len(receiver.received) == 1


async def test_a_trouble_is_logged_once_and_so_is_its_end(
    ledger: Ledger, redis: Redis, valkey_url: str, clock: TestClock
) -> None:
    await all_alive(ledger, clock())
    async with receiving() as receiver:
        settings = watched(valkey_url, receiver.url)
        receiver.answers = [reply(500), reply(503), reply(302)]
        switch = DeadManSwitch(settings, ledger, clock)
        with structlog.testing.capture_logs() as logged:
            for _ in range(5):
                await switch.beat()
                await minute(redis, clock)
        assert [each["event"] for each in logged] == ["heartbeat_failed", "heartbeat_sent_again"]
        assert logged[0]["why"] == "status 500"
    with structlog.testing.capture_logs() as logged:
        await switch.beat()
    assert "/hook" not in str(logged)
    assert logged[0]["event"] == "heartbeat_failed"
    (found,) = await told(settings, ledger, clock)
    assert (found.part, found.level, found.cure) == ("heartbeat", "warn", "correct heartbeat.url")
    (found,) = await told(settings, ledger, lambda: clock() + timedelta(minutes=4))
    assert "last thought of" in found.message


async def test_without_redis_nobody_is_told_that_all_is_well(
    ledger: Ledger, valkey_url: str, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        raise ConnectionRefusedError

    monkeypatch.setattr(ledger.ticks, "claim", away)
    async with receiving() as receiver:
        switch = DeadManSwitch(watched(valkey_url, receiver.url), ledger, clock)
        with structlog.testing.capture_logs() as logged:
            await switch.beat()
            await switch.beat()
        assert receiver.received == []
    assert [each["event"] for each in logged] == ["heartbeat_withheld"]


@pytest.mark.parametrize("url", ["https://169.254.169.254/", "http://10.0.0.1/x", "ftp://x/"])
def test_where_callbacks_do_not_go_it_does_not_either(url: str) -> None:
    with pytest.raises(ValidationError):
        configured("redis://127.0.0.1:1/0", heartbeat={"url": url})


async def test_broken_off_jobs_are_told(ledger: Ledger, redis: Redis, valkey_url: str) -> None:
    now = datetime.now(UTC)
    kept_until = int((now + timedelta(days=7)).timestamp())
    longer_ago = kept_until - 2 * 3600
    await redis.zadd("rq:failed:unglue", {"old-1": longer_ago, "old-2": longer_ago})
    await redis.zadd("rq:failed:unglue", {"new-1": kept_until, "new-2": kept_until})
    settings = configured(valkey_url)
    assert await told(settings, ledger, lambda: now) == []
    await redis.zadd("rq:failed:unglue", {"new-3": kept_until})
    (found,) = await told(settings, ledger, lambda: now)
    assert (found.level, found.message) == ("warn", "3 jobs broke off within an hour")
