"""What RQ holds, for whoever looks at its dashboard."""

import time
from typing import Any
from uuid import uuid4

from redis import Redis
from rq import Queue, Retry, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import Worker

from workers.processes.queue import QUEUE

TAGS = (
    "</script><script>fetch('/owned')</script><img src='/owned-image' onerror=\"fetch('/owned')\">"
)
HOSTILE = f"{TAGS}<a href='javascript:fetch(`/owned`)'>{{{{7*7}}}}<%= fetch('/owned') %>"


def echo(text: str) -> str:
    """A job that ends well."""
    return text


def fail(text: str) -> None:
    """A job that does not."""
    raise RuntimeError(text)


def queue(redis: Redis) -> Queue:
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def enqueue(redis: Redis, job: Any, job_id: str, **options: Any) -> Job:
    """A job whose every text is hostile."""
    return queue(redis).enqueue(
        job,
        HOSTILE,
        job_id=job_id,
        description=options.pop("description", HOSTILE),
        meta={"code": HOSTILE, HOSTILE: 1},
        failure_ttl=3600,
        result_ttl=3600,
        **options,
    )


def work(redis: Redis) -> None:
    """Run what is queued."""
    worker = SimpleWorker([queue(redis)], connection=redis, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="CRITICAL")


def start_and_vanish(redis: Redis, job_id: str) -> None:
    """A worker that took the job over, and whose time for it is long over; it is still listed."""
    job = enqueue(redis, echo, job_id, retry=Retry(max=3))
    worker = Worker(
        [queue(redis)], name=f"w-{uuid4().hex}", connection=redis, serializer=JSONSerializer
    )
    worker.register_birth()  # type: ignore[no-untyped-call] # RQ's
    execution = worker.prepare_execution(job)
    worker.prepare_job_execution(job)
    queue(redis).remove(job_id)
    long_ago = time.time() - 1000
    redis.zadd(queue(redis).started_job_registry.key, {execution.composite_key: long_ago})


def fill(redis: Redis) -> None:
    """An emptied server, then one job in every state, each of them hostile."""
    redis.flushall()
    enqueue(redis, echo, "ended")
    enqueue(redis, fail, "failed")
    work(redis)
    start_and_vanish(redis, "running")
    enqueue(redis, echo, "waiting")
