"""The daily read: one scheduler queues it, a worker makes it, only a failure is written down."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis import Redis as SyncRedis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from service.doctor.examination import examine
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.audit import audited
from tests.support.clock import TestClock
from tests.support.serve import serve
from workers.itglue.account import daily_read
from workers.ledger.ledger import Ledger
from workers.pipeline.steps.outcome import Context
from workers.processes import jobs
from workers.processes.connections import open_context
from workers.processes.duties import duties
from workers.processes.queue import QUEUE, JobQueue
from workers.processes.scheduler import Scheduler
from workers.settings import Settings
from workers.times.clock import system_clock


@pytest.fixture
def sandbox() -> Iterator[str]:
    with serve(create_sandbox(SandboxSettings(), now=lambda: datetime.now(UTC))) as url:
        yield url


def settings(valkey_url: str, sandbox: str) -> Settings:
    return Settings(redis_url=valkey_url, itglue={"base_url": sandbox, "api_key": "ITG.sandbox"})


@asynccontextmanager
async def worker(valkey_url: str, sandbox: str) -> AsyncIterator[Context]:
    """What a job works with."""
    async with open_context(settings(valkey_url, sandbox), while_stopped=True) as context:
        yield context


def refuse(sandbox: str, *, refused: bool = True) -> None:
    faults = {"forbid": "all,401" if refused else None}
    httpx.post(f"{sandbox}/_sandbox/faults", json=faults, trust_env=False).raise_for_status()


async def test_it_is_queued_once_a_day(ledger: Ledger, clock: TestClock, valkey_url: str) -> None:
    queue = JobQueue(valkey_url)
    (duty,) = [
        duty
        for duty in duties(settings(valkey_url, "http://127.0.0.1:1"), ledger, queue)
        if duty.name == "daily_read"
    ]
    assert duty.every == timedelta(days=1)
    for _ in range(2):
        scheduler = Scheduler(
            ledger, queue, clock=clock, interval=timedelta(seconds=1), duties=(duty,)
        )
        await scheduler.tick()
    queue.close()
    with SyncRedis.from_url(valkey_url) as redis:
        (job,) = Queue(QUEUE, connection=redis, serializer=JSONSerializer).jobs
    assert (job.func_name, job.args) == ("workers.processes.jobs.read_the_account", ["account"])


def test_two_requests(valkey_url: str, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNGLUE_REDIS_URL", valkey_url)
    monkeypatch.setenv("UNGLUE_ITGLUE__BASE_URL", sandbox)
    monkeypatch.setenv("UNGLUE_ITGLUE__API_KEY", "ITG.sandbox")
    jobs.configured.cache_clear()
    with SyncRedis.from_url(valkey_url) as redis:
        redis.flushall()
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        queue.enqueue("workers.processes.jobs.read_the_account", "account", result_ttl=0)
        worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
        assert queue.failed_job_registry.get_job_ids(cleanup=False) == []
        assert redis.hget("unglue:account", "organizations") == b"20"
    jobs.configured.cache_clear()
    requests = httpx.get(f"{sandbox}/_sandbox/requests", trust_env=False).json()["requests"]
    # The second asks whose account it is.
    assert [(each["method"], each["path"]) for each in requests] == 2 * [("GET", "/organizations")]


async def test_it_is_made_while_paused(ledger: Ledger, valkey_url: str, sandbox: str) -> None:
    refuse(sandbox)
    for times in (1, 2, 3):
        async with worker(valkey_url, sandbox) as context:
            await daily_read(context)
        assert len(await audited(ledger, "daily_read_failed")) == times
        assert len(await ledger.stop_switch.pauses()) == (times == 3)
    refuse(sandbox, refused=False)
    async with worker(valkey_url, sandbox) as context:
        await daily_read(context)
    assert await ledger.account.organizations(system_clock()) == 20
    assert len(await audited(ledger, "daily_read_failed")) == 3
    assert [each.cause for each in await ledger.stop_switch.pauses()] == ["key_refused"]


async def test_the_doctor_stops_nobody(ledger: Ledger, valkey_url: str, sandbox: str) -> None:
    refuse(sandbox)
    asked = settings(valkey_url, sandbox)
    for _ in range(4):
        found = [each async for each in examine(asked) if each.part == "it glue"]
        assert [each.level for each in found] == ["fail"]
    assert await ledger.stop_switch.pauses() == ()
    for number in range(3):
        await ledger.stop_switch.key_refused(401, system_clock() + timedelta(seconds=number))
    refuse(sandbox, refused=False)
    found = [each async for each in examine(asked)]
    assert "accepts the key" in next(each.message for each in found if each.part == "it glue")
    assert [each.level for each in found if each.part == "deletions"] == ["warn"]


async def test_a_failure_says_what_to_do(ledger: Ledger, valkey_url: str, sandbox: str) -> None:
    refuse(sandbox)
    async with worker(valkey_url, sandbox) as context:
        await daily_read(context)
    (entry,) = await audited(ledger, "daily_read_failed")
    assert entry["code"] == "PermissionDenied"
    assert "itglue.api_key" in entry["error"]
    assert "ITG.sandbox" not in json.dumps(entry)
