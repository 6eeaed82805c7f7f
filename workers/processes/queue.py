"""RQ as the transport: a job carries an id and nothing else, and may be lost, doubled or late.

One queue, so that a worker takes a job over atomically; the JSON serializer, so that no pickle is
loaded (what a job may name is in `job_table`); unique job ids, so that an enqueue whose answer was
lost is seen as done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from workers.traces.tracing import traced

QUEUE: Final = "unglue"
QUEUE_KEY: Final = f"rq:queue:{QUEUE}"

# The functions of `jobs`. Their paths are data: jobs that wait in Redis name them.
Job = Literal[
    "advance_deletion",
    "verify_delivery",
    "look_back_at_deletion",
    "run_sweep",
    "run_replay",
    "read_the_account",
]

# `JobQueue.advance`, as those see it who hand on a deletion: it does not raise.
Enqueue = Callable[[str, int], Awaitable[None]]

# Longer than a step may take: what hangs and yet renews its lease ends by this.
_JOB_SECONDS = 100
_KEPT_SECONDS = 7 * 24 * 3600

log = structlog.get_logger()


class JobQueue:
    """Hands ids to the workers."""

    def __init__(self, redis_url: str, queue: str = QUEUE) -> None:
        # RQ's jobs of all queues of a server share their names.
        self._of = "" if queue == QUEUE else f"{queue}-"
        # No retry inside redis-py: a repeated EXEC would push a job twice, and the scheduler finds
        # what was not queued.
        self._redis = Redis.from_url(
            redis_url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2, socket_timeout=5
        )
        self._queue = Queue(queue, connection=self._redis, serializer=JSONSerializer)

    @traced("enqueue", "producer")
    async def enqueue(self, job: Job, record_id: str, number: int) -> None:
        """Queue a job for a record, under a number that is used once.

        Raises:
            redis.RedisError: it is not known to be queued; the scheduler will see.
        """
        await asyncio.to_thread(self._enqueue, job, record_id, number)

    async def advance(self, deletion_id: str, number: int) -> None:
        """Queue the next step of a deletion at once; the scheduler finds what was not queued."""
        try:
            await self.enqueue("advance_deletion", deletion_id, number)
        except RedisError as error:
            log.warning("not_enqueued", deletion_id=deletion_id, error=type(error).__name__)

    def _enqueue(self, job: Job, record_id: str, number: int) -> None:
        try:
            self._queue.enqueue(
                f"workers.processes.jobs.{job}",
                record_id,
                job_id=f"{self._of}{record_id}-{number}",
                unique=True,
                description=f"{job} {record_id}",
                job_timeout=_JOB_SECONDS,
                result_ttl=0,
                failure_ttl=_KEPT_SECONDS,
            )
        except DuplicateJobError:
            # Our own enqueue, whose answer was lost.
            return

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()
