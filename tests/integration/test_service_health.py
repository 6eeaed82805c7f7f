"""`/healthz` and `/readyz`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.support.receiver import silent
from tests.support.service import configured, running_service
from workers.ledger.installation.heartbeats import (
    OUTBOX,
    OUTBOX_LASTS,
    SERVICE,
    WORKER,
    WORKER_LASTS,
)
from workers.ledger.ledger import Ledger
from workers.processes.queue import JobQueue
from workers.processes.scheduler import Scheduler


async def test_alive_without_anything() -> None:
    with running_service(configured("redis://127.0.0.1:1/0")) as service:
        answer = service.http.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_once_both_parts_beat(valkey_url: str, redis: Redis, ledger: Ledger) -> None:
    with running_service(configured(valkey_url)) as service:
        answer = service.http.get("/readyz")
        assert answer.status_code == 503
        # For doctor and the dead man's switch, which ask Redis.
        assert await ledger.heartbeats.alive(SERVICE)
        assert answer.json() == {
            "status": "not ready",
            "parts": {
                "redis": "ok",
                "scheduler": "no heartbeat; start one",
                "worker": "none alive; start one",
                "outbox": "none alive; start one",
            },
        }
        jobs = JobQueue(valkey_url)
        scheduler = Scheduler(
            ledger, jobs, clock=lambda: datetime.now(UTC), interval=timedelta(seconds=1)
        )
        await scheduler.tick()
        jobs.close()
        answer = service.http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["parts"]["worker"] == "none alive; start one"
        await ledger.heartbeats.beat(WORKER, datetime.now(UTC), WORKER_LASTS)
        answer = service.http.get("/readyz")
        # Events are taken in without a sender as well.
        assert answer.status_code == 200
        assert answer.json()["parts"]["outbox"] == "none alive; start one"
        await ledger.heartbeats.beat(OUTBOX, datetime.now(UTC), OUTBOX_LASTS)
        assert service.http.get("/readyz").json() == {
            "status": "ready",
            "parts": {"redis": "ok", "scheduler": "ok", "worker": "ok", "outbox": "ok"},
        }
        # The heartbeat of a scheduler that died ends by itself.
        assert 0 < await redis.pttl("unglue:heartbeat:scheduler") <= 10_000
        await redis.flushall()
        assert service.http.get("/readyz").status_code == 503


@pytest.mark.parametrize("hangs", [False, True])
async def test_not_ready_without_redis(*, hangs: bool) -> None:
    with silent() as port:
        url = f"redis://127.0.0.1:{port if hangs else 1}/0"
        with running_service(configured(url)) as service:
            answer = service.http.get("/readyz")
    content: dict[str, Any] = answer.json()
    assert answer.status_code == 503
    assert content["parts"] == {"redis": "unreachable", "scheduler": "unknown", "worker": "unknown"}
    assert answer.elapsed.total_seconds() < 4
