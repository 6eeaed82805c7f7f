"""What others put on the queue is kept as failed and audited, and nothing of it runs."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer, PickleSerializer

from tests.support.audit import audited
from workers.processes.job_table import TableJob, foreign
from workers.processes.queue import QUEUE
from workers.processes.runtime import open_ledger
from workers.processes.steady_worker import SteadyWorker, Stop
from workers.processes.worker import _audit
from workers.settings import Settings

GOOD = ("workers.processes.jobs.advance_deletion", "del_0123456789abcdef0123")


def one(queue: Queue, name: str, *arguments: Any, **options: Any) -> Job:
    return queue.enqueue(name, args=arguments, **options)


def raw(queue: Queue, data: bytes) -> Job:
    job = one(queue, *GOOD)
    queue.connection.hset(job.key, "data", data)
    return job


FOREIGN_JOBS: list[Callable[[Queue, str], Job]] = [
    lambda queue, touch: one(queue, "os.system", touch),
    lambda queue, touch: one(queue, "builtins.exec", f"import os; os.system({touch!r})"),
    lambda queue, touch: one(queue, "workers.processes.jobs.os.system", touch),
    lambda queue, touch: one(queue, GOOD[0], f"del_1; {touch}"),
    lambda queue, _: one(queue, "os.mkdir", GOOD[1]),
    lambda queue, _: one(queue, GOOD[0], "del_1\n"),
    lambda queue, _: one(queue, GOOD[0], GOOD[1], "del_2"),
    lambda queue, _: one(queue, GOOD[0]),
    lambda queue, _: one(queue, GOOD[0], kwargs={"deletion_id": "del_1"}),
    lambda queue, _: one(queue, "workers.processes.jobs.read_the_account", "del_1"),
    lambda queue, _: one(queue, GOOD[0], ["del_1"]),
    lambda queue, _: raw(queue, b'[["os.system"], null, ["x"], {}]'),
    lambda queue, _: raw(queue, b'["workers.processes.jobs.advance_deletion", null, null, {}]'),
    lambda queue, _: one(queue, *GOOD, meta={"a": 1}),
    lambda queue, _: one(queue, *GOOD, on_failure=Callback("os.system")),
    lambda queue, _: one(queue, *GOOD, on_success=Callback("os.system")),
    lambda queue, _: one(queue, *GOOD, on_stopped=Callback("os.system")),
]


def test_nothing_of_a_foreign_job_runs_and_the_worker_goes_on(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "ran"
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        redis_url=valkey_url, itglue={"base_url": "http://127.0.0.1:1", "api_key": "ITG.x"}
    )
    monkeypatch.setenv("UNGLUE_REDIS_URL", valkey_url)
    told: list[str] = []

    def refused(job_id: str, why: str) -> None:
        told.append(job_id)
        asyncio.run(_audit(settings, job_id, why))

    with Redis.from_url(valkey_url) as redis:
        redis.flushall()
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        bad = [make(queue, f"touch {marker}").id for make in FOREIGN_JOBS]
        pickled = Queue(QUEUE, connection=redis, serializer=PickleSerializer)
        bad.append(one(pickled, "os.system", f"touch {marker}").id)
        good = one(queue, *GOOD, result_ttl=500)
        assert threading.current_thread() is threading.main_thread()
        worker = SteadyWorker(valkey_url, Stop(), lambda: None, refused)
        worker.work(burst=True, max_jobs=len(bad) + 1, logging_level="CRITICAL")
        assert list(tmp_path.iterdir()) == []
        assert told == bad
        failed = queue.failed_job_registry.get_job_ids(cleanup=False)
        assert set(bad) <= set(failed)
        good_after = Job.fetch(good.id, connection=redis, serializer=JSONSerializer)
        assert good_after.started_at is not None

    async def written_down() -> int:
        async with open_ledger(settings) as ledger:
            return len(await audited(ledger, "foreign_job"))

    assert asyncio.run(written_down()) == len(bad)


def test_what_we_queue_is_ours(valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as redis:
        redis.flushall()
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        old = [
            ("workers.processes.jobs.send_callback", "cb_1_1"),
            ("workers.processes.jobs.tell_people", "ntc_1"),
        ]
        for name, argument in (GOOD, ("workers.processes.jobs.read_the_account", "account"), *old):
            job = TableJob.fetch(
                one(queue, name, argument).id, connection=redis, serializer=JSONSerializer
            )
            assert foreign(job) is None
