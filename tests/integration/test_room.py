"""Redis that is nearly full is told of while there is time: by notice, `doctor` and `/readyz`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from service.doctor.examination import examine
from tests.support.clock import TestClock
from tests.support.service import configured, running_service
from workers.ledger.installation.heartbeats import SCHEDULER, WORKER, WORKER_LASTS
from workers.ledger.ledger import Ledger
from workers.processes.duties import duties
from workers.processes.queue import JobQueue
from workers.settings import Settings
from workers.upkeep.room import Room


@pytest.fixture
async def filling(redis: Redis) -> AsyncIterator[Redis]:
    """A server that has little room left: a tenth of what it uses, which is 3 MB at least."""
    await redis.setrange("filling", 32_000_000, b"x")
    info = await redis.info("memory")
    await redis.config_set("maxmemory", int(info["used_memory"] * 1.1))
    yield redis
    await redis.config_set("maxmemory", 0)


@pytest.mark.parametrize(
    ("used", "most", "warning"),
    [
        (79, 100, None),
        (80, 100, "80 % of maxmemory is used"),
        (100, 100, "100 % of maxmemory is used"),
        (10**12, 0, None),
    ],
)
def test_when_it_is_told(used: int, most: int, warning: str | None) -> None:
    assert Room(used, most).warning == warning


@pytest.mark.usefixtures("filling")
async def test_told_every_six_hours(ledger: Ledger, clock: TestClock, valkey_url: str) -> None:
    jobs = JobQueue(valkey_url)
    settings = Settings(itglue={"api_key": "x"})
    duty = next(each for each in duties(settings, ledger, jobs) if each.name == "room")
    jobs.close()
    assert duty.every <= timedelta(minutes=5)

    async def told() -> int:
        return int(await ledger.store.redis.zcard(ledger.store.key("notices", "due")))

    for _ in range(3):
        await duty.run(clock())
    assert await told() == 1
    notice = await ledger.notices.get("ntc_1")
    assert notice.kind == "redis_filling"
    assert "% of maxmemory is used" in notice.detail["says"]
    # Redis itself forgets it after that time.
    assert 0 < await ledger.store.redis.pttl("unglue:told:redis_filling:redis") <= 6 * 3_600_000


async def test_a_redis_that_begins_to_evict_stops_everything(
    redis: Redis, ledger: Ledger, clock: TestClock, valkey_url: str
) -> None:
    """It was fit when everything was started."""
    jobs = JobQueue(valkey_url)
    of_all = duties(Settings(itglue={"api_key": "x"}), ledger, jobs)
    duty = next(each for each in of_all if each.name == "room")
    jobs.close()
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        await duty.run(clock())
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    (pause,) = await ledger.stop_switch.pauses()
    assert (pause.cause, "allkeys-lru" in pause.reason) == ("ledger_lost", True)


async def test_with_room_nobody_is_told(ledger: Ledger, clock: TestClock, valkey_url: str) -> None:
    jobs = JobQueue(valkey_url)
    settings = Settings(itglue={"api_key": "x"})
    duty = next(each for each in duties(settings, ledger, jobs) if each.name == "room")
    jobs.close()
    await duty.run(clock())
    assert await ledger.store.redis.zcard(ledger.store.key("notices", "due")) == 0


@pytest.mark.usefixtures("filling")
async def test_doctor_and_readyz_say_so(ledger: Ledger, valkey_url: str) -> None:
    settings = Settings(
        redis_url=valkey_url, itglue={"base_url": "http://127.0.0.1:1", "api_key": "x"}
    )
    found = [each async for each in examine(settings)]
    (warned,) = [each for each in found if "maxmemory is used" in each.message]
    assert (warned.part, warned.level) == ("redis", "warn")
    now = datetime.now(UTC)
    await ledger.heartbeats.beat(WORKER, now, WORKER_LASTS)
    await ledger.heartbeats.beat(SCHEDULER, now, WORKER_LASTS)
    with running_service(configured(valkey_url)) as service:
        answer = service.http.get("/readyz")
    content: dict[str, Any] = answer.json()
    # It is taken in all the same.
    assert (answer.status_code, content["status"]) == (200, "ready")
    assert content["parts"]["memory"].endswith("% of maxmemory is used")
