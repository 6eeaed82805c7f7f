"""`/healthz` and `/readyz`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from service.doctor.configuration import in_force
from tests.support.receiver import silent
from tests.support.service import configured, running_service
from workers.audit.configuration import record_configuration
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
from workers.times.clock import system_clock


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


async def test_a_worker_left_on_another_file_is_named(valkey_url: str, ledger: Ledger) -> None:
    ours = configured(valkey_url)
    theirs = configured(valkey_url, policy={"only_ids": ["999"]})
    with running_service(ours) as service:
        assert "configuration" not in service.http.get("/readyz").json()["parts"]
        await record_configuration(theirs, ledger, "worker", system_clock)
        assert service.http.get("/readyz").json()["parts"]["configuration"] == (
            "1 configuration differs from the one in force; restart those parts"
        )
    for settings, levels in ((ours, ["fail"]), (theirs, ["warn", "fail"])):
        found = [each async for each in in_force(settings, ledger, system_clock)]
        assert [each.level for each in found] == levels
        assert all(each.cure.startswith("restart ") for each in found)


@pytest.mark.usefixtures("redis")
async def test_a_service_whose_clock_is_wrong_says_so(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta(seconds=5)
    monkeypatch.setattr("service.api.state.system_clock", lambda: system_clock() + ahead)
    with running_service(configured(valkey_url)) as service:
        answer = service.http.get("/readyz").json()
    assert answer["parts"]["clock"] == "differs from the clock of Redis by more than 2 s"
