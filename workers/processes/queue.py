"""RQ as the transport: a job carries an id and nothing else, and may be lost, doubled or late.

One queue, so that a worker takes a job over atomically; the JSON serializer, so that no pickle is
loaded (what a job may name is in `job_table`); unique job ids, so that an enqueue whose answer was
lost is seen as done.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from workers.network.redis_url import connect_blocking
from workers.processes.stopping import beside
from workers.traces.tracing import span, traced

QUEUE: Final = "unglue"
# In front of a job's name.
JOBS: Final = "workers.processes.jobs."
QUEUE_KEY: Final = f"rq:queue:{QUEUE}"

# The functions of `jobs`. Their paths are data: jobs that wait in Redis name them.
Job = Literal[
    "advance_deletion",
    "verify_delivery",
    "look_back_at_deletion",
    "run_sweep",
    "run_replay",
    "read_the_account",
    "catch_up",
]

# `JobQueue.advance`, as those see it who hand on a deletion: it does not raise.
Enqueue = Callable[[str, int], Awaitable[None]]

# Longer than a step may take: what hangs and yet renews its lease ends by this.
_JOB_SECONDS = 100
_KEPT_SECONDS = 7 * 24 * 3600
_PUSHED_AT_ONCE: Final = 100
_PUSH_SECONDS: Final = 0.5

log = structlog.get_logger()


class JobQueue:
    """Hands ids to the workers."""

    def __init__(self, redis_url: str, queue: str = QUEUE) -> None:
        # RQ's jobs of all queues of a server share their names.
        self._of = "" if queue == QUEUE else f"{queue}-"
        # No retry inside redis-py: a repeated EXEC would push a job twice, and the scheduler finds
        # what was not queued.
        self._redis = connect_blocking(
            redis_url,
            Redis,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=2,
            socket_timeout=5,
        )
        self._queue = Queue(queue, connection=self._redis, serializer=JSONSerializer)

    @traced("enqueue", "producer")
    async def enqueue(self, job: Job, record_id: str, number: int) -> None:
        """Queue a job for a record, under a number that is used once. Raises RedisError."""
        await asyncio.to_thread(self._enqueue, job, record_id, number)

    async def advance(self, deletion_id: str, number: int) -> None:
        """Queue the next step of a deletion at once; the scheduler finds what was not queued."""
        try:
            await self.enqueue("advance_deletion", deletion_id, number)
        except RedisError as error:
            log.warning("not_enqueued", deletion_id=deletion_id, error=type(error).__name__)

    async def advance_all(self, jobs: Sequence[tuple[str, int]]) -> None:
        """Queue the next step of all these deletions in one round trip. Raises RedisError."""
        await asyncio.to_thread(self._advance_all, jobs)

    def _advance_all(self, jobs: Sequence[tuple[str, int]]) -> None:
        self._queue.enqueue_many(
            [
                Queue.prepare_data(
                    f"{JOBS}advance_deletion",
                    (deletion_id,),
                    job_id=self._job_id(deletion_id, number),
                    description=f"advance_deletion {deletion_id}",
                    timeout=_JOB_SECONDS,
                    result_ttl=0,
                    failure_ttl=_KEPT_SECONDS,
                )
                for deletion_id, number in jobs
            ]
        )

    def _job_id(self, record_id: str, number: int) -> str:
        return f"{self._of}{record_id}-{number}"

    def _enqueue(self, job: Job, record_id: str, number: int) -> None:
        try:
            self._queue.enqueue(
                f"{JOBS}{job}",
                record_id,
                job_id=self._job_id(record_id, number),
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


class HandOff:
    """New deletions on their way to the workers, beside the requests that asked for them.

    An answer of 202 needs no job: the record is the ledger, and what was not queued is found by its
    due score. So jobs are pushed after the answer, in batches, by the one task of `running`.
    """

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs
        self._waiting: list[tuple[str, int]] = []
        self._under_way = 0
        self._news = asyncio.Event()

    @property
    def count(self) -> int:
        """How many are not known to be in the queue."""
        return self._under_way + len(self._waiting)

    def push(self, deletion_id: str, number: int) -> None:
        """Have this job pushed soon."""
        with span("enqueue", "producer"):
            self._waiting.append((deletion_id, number))
            self._news.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Push what comes until the block ends, and then what is left."""
        try:
            async with beside(self._run()):
                yield
        finally:
            await self._push()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._push()

    async def _push(self) -> None:
        some, self._waiting = self._waiting[:_PUSHED_AT_ONCE], self._waiting[_PUSHED_AT_ONCE:]
        if not some:
            return
        self._under_way = len(some)
        try:
            async with asyncio.timeout(_PUSH_SECONDS):
                await self._jobs.advance_all(some)
        except (RedisError, TimeoutError) as error:
            kind, ids = type(error).__name__, [deletion_id for deletion_id, _ in some]
            log.warning("not_enqueued", deletions=len(some), first=ids[0], error=kind)
        finally:
            self._under_way = 0
