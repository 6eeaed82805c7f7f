"""What RQ runs, with the settings that a worker process reads."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from adapters.models import DeletionRequest
from tests.support.serve import serve
from workers import jobs
from workers.clock import system_clock
from workers.ledger.records import Deletion
from workers.queue import QUEUE, JobQueue
from workers.runtime import open_ledger
from workers.sandbox.app import create_sandbox
from workers.sandbox.settings import SandboxSettings
from workers.settings import load_settings


@pytest.fixture
def configured(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """A worker's environment: IT Glue answers nothing but HTML."""
    config = tmp_path / "unglue.toml"
    digest = hashlib.sha256(b"t").hexdigest()
    config.write_text(
        f'redis_url = "{valkey_url}"\n[itglue]\napi_key = "ITG.sandbox"\n'
        f"[policy]\nexport = false\n[worker]\nmax_attempts = 1\n"
        f'[operators.a]\ntoken_sha256 = "{digest}"\n'
    )
    monkeypatch.setenv("UNGLUE_CONFIG", str(config))
    jobs._settings.cache_clear()
    return monkeypatch


def test_an_exhausted_deletion_is_a_failed_job_that_may_be_run_again(
    configured: pytest.MonkeyPatch, valkey_url: str
) -> None:
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


async def ask(valkey_url: str) -> str:
    async with open_ledger(load_settings()) as ledger:
        await ledger.store.redis.flushall()
        deletion_id, number = await ledger.deletions.create(
            deletion_id="del_1",
            request=DeletionRequest(org_id="301", confirm_delete=True),
            operator="alice",
            callback_url="",
            idempotency_key=None,
            now=system_clock(),
        )
        assert number is not None
        queue = JobQueue(valkey_url)
        await queue.advance(deletion_id, number)
        await queue.advance(deletion_id, number)  # our own enqueue, seen as done
        queue.close()
        return f"{deletion_id}-{number}"


async def look() -> Deletion:
    async with open_ledger(load_settings()) as ledger:
        return await ledger.deletions.get("del_1")


def work(url: str, *, requeue: bool = False) -> list[str]:
    """Run what is queued; the ids of the jobs that failed."""
    with SyncRedis.from_url(url) as redis:
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        registry = queue.failed_job_registry
        if requeue:
            for job_id in registry.get_job_ids(cleanup=False):
                registry.requeue(job_id)
        worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
        return list(registry.get_job_ids(cleanup=False))
