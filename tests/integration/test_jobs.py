"""What RQ runs, with the settings that a worker process reads."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from redis import Redis as SyncRedis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from service.demo.installation import MAY_GO
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.deletions import requested
from tests.support.ledgers import begin_anew
from tests.support.serve import serve
from workers.ledger.records import Deletion
from workers.processes import jobs
from workers.processes.queue import QUEUE, JobQueue
from workers.processes.runtime import open_ledger
from workers.settings import load_settings
from workers.times.clock import system_clock


@pytest.fixture
def configured(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """A worker's environment: IT Glue answers nothing but HTML."""
    config = tmp_path / "unglue.toml"
    digest = hashlib.sha256(b"t").hexdigest()
    config.write_text(
        f'redis_url = "{valkey_url}"\n[itglue]\napi_key = "ITG.sandbox"\n'
        f"[policy]\nexport = false\ndependency_limits = {{ {MAY_GO} }}\n"
        f"[worker]\nmax_attempts = 1\n"
        f'[operators.alice]\ntoken_sha256 = "{digest}"\nroles = ["request"]\n'
    )
    monkeypatch.setenv("UNGLUE_CONFIG", str(config))
    jobs.configured.cache_clear()
    return monkeypatch


def test_an_exhausted_one_may_be_run_again(configured: pytest.MonkeyPatch, valkey_url: str) -> None:
    sandbox = SandboxSettings.model_validate({"faults": ["html"]})
    with serve(create_sandbox(sandbox, now=lambda: datetime.now(UTC))) as url:
        configured.setenv("UNGLUE_ITGLUE__BASE_URL", url)
        job_id = asyncio.run(ask(valkey_url))

        assert work(valkey_url) == [job_id]
        with SyncRedis.from_url(valkey_url) as redis:
            job = Job.fetch(job_id, redis, JSONSerializer)
            result = job.latest_result()
        assert job.description == "advance_deletion del_1"
        assert result is not None
        assert result.exc_string is not None
        last = result.exc_string.strip().splitlines()[-1]
        assert last.endswith("del_1: ITGlueConnectionError; see: unglue deletions del_1")
        deletion = asyncio.run(look())
        assert [error.code for error in deletion.errors] == ["ITGlueConnectionError"]
        assert work(valkey_url, requeue=True) == []


def test_requeueing_doubles_nothing(configured: pytest.MonkeyPatch, valkey_url: str) -> None:
    """An old job put back by hand is another look at the same record, in any generation."""
    sandbox = SandboxSettings.model_validate({"faults": ["html:1"], "removal_seconds": 0})
    with (
        serve(create_sandbox(sandbox, now=lambda: datetime.now(UTC))) as url,
        httpx.Client(base_url=url, trust_env=False) as http,
        SyncRedis.from_url(valkey_url) as redis,
    ):
        configured.setenv("UNGLUE_ITGLUE__BASE_URL", url)
        (failed,) = [asyncio.run(ask(valkey_url))]
        assert work(valkey_url) == [failed]
        asyncio.run(replay(valkey_url))
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        queue.failed_job_registry.requeue(failed)
        waiting = [str(name) for name in queue.get_job_ids()]
        assert len(waiting) == 2
        for name in waiting:
            job = Job.fetch(name, redis, JSONSerializer)
            Queue("aside", connection=redis, serializer=JSONSerializer).enqueue(
                str(job.func_name), *job.args, job_id=f"{name}-by-hand"
            )
        work(valkey_url)
        work(valkey_url, "aside")
        until_ended(valkey_url)
        deletion = asyncio.run(look())
        assert (deletion.state, deletion.generation) == ("deleted", 2)
        assert work(valkey_url, requeue=True) == []
        assert work(valkey_url, "aside") == []
        asked = http.get("/_sandbox/requests", params={"method": "DELETE"}).json()["requests"]
        assert len(asked) == 1
        assert asyncio.run(look()) == deletion


async def replay(valkey_url: str) -> None:
    async with open_ledger(load_settings()) as ledger:
        number = await ledger.deletions.replay(
            "del_1",
            operator="alice",
            token="once",
            callback_url="",
            overrule=True,
            now=system_clock(),
        )
        assert number is not None
        queue = JobQueue(valkey_url)
        await queue.advance("del_1", number)
        queue.close()


def until_ended(valkey_url: str) -> None:
    """What a scheduler does: what is due is queued and worked off."""

    async def due() -> bool:
        async with open_ledger(load_settings()) as ledger:
            queue = JobQueue(valkey_url)
            for name, number in (await ledger.deletions.hand_out(system_clock())).jobs:
                await queue.advance(name, number)
            queue.close()
            return (await ledger.deletions.get("del_1")).terminal

    for _ in range(20):
        if asyncio.run(due()):
            return
        work(valkey_url)
    raise AssertionError(asyncio.run(look()))


async def ask(valkey_url: str) -> str:
    async with open_ledger(load_settings()) as ledger:
        await begin_anew(ledger.store.redis)
        deletion_id, number = await requested(ledger, "del_1", system_clock())
        assert number is not None
        queue = JobQueue(valkey_url)
        await queue.advance(deletion_id, number)
        await queue.advance(deletion_id, number)  # our own enqueue, seen as done
        queue.close()
        return f"{deletion_id}-{number}"


async def look() -> Deletion:
    async with open_ledger(load_settings()) as ledger:
        return await ledger.deletions.get("del_1")


def work(url: str, name: str = QUEUE, *, requeue: bool = False) -> list[str]:
    """Run what is queued; the ids of the jobs that failed."""
    with SyncRedis.from_url(url) as redis:
        queue = Queue(name, connection=redis, serializer=JSONSerializer)
        registry = queue.failed_job_registry
        if requeue:
            for job_id in registry.get_job_ids(cleanup=False):
                registry.requeue(job_id)
        worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
        return list(registry.get_job_ids(cleanup=False))
