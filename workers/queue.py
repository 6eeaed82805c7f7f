"""RQ as the transport: a job carries an id and nothing else, and may be lost, doubled or late.

One queue, so that a worker takes a job over atomically; the JSON serializer, so that nobody who
can write to Redis can run code here; unique job ids, so that an enqueue whose answer was lost is
seen as done.
"""

import asyncio
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

QUEUE: Final = "unglue"
QUEUE_KEY: Final = f"rq:queue:{QUEUE}"
ADVANCE: Final = "workers.jobs.advance_deletion"
SEND: Final = "workers.jobs.send_callback"
VERIFY: Final = "workers.jobs.verify_delivery"
LOOK_BACK: Final = "workers.jobs.look_back_at_deletion"
SWEEP: Final = "workers.jobs.run_sweep"
REPLAY: Final = "workers.jobs.run_replay"
TELL: Final = "workers.jobs.tell_people"
READ_ACCOUNT: Final = "workers.jobs.read_the_account"

# Longer than a step may take, shorter than a lease: a job that hangs ends before its lease does.
_JOB_SECONDS = 100
_KEPT_SECONDS = 7 * 24 * 3600


class JobQueue:
    """Hands ids to the workers."""

    def __init__(self, redis_url: str) -> None:
        # No retry inside redis-py: a repeated EXEC would push a job twice, and the scheduler finds
        # what was not queued.
        self._redis = Redis.from_url(
            redis_url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2, socket_timeout=5
        )
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)

    async def advance(self, deletion_id: str, number: int) -> None:
        """Queue the next step of a deletion.

        Raises:
            redis.RedisError: it is not known to be queued; the scheduler will see.
        """
        await asyncio.to_thread(self._enqueue, ADVANCE, deletion_id, number)

    async def send(self, callback_id: str, number: int) -> None:
        """Queue an attempt to deliver a callback.

        Raises:
            redis.RedisError: as above.
        """
        await asyncio.to_thread(self._enqueue, SEND, callback_id, number)

    async def verify(self, delivery_id: str, number: int) -> None:
        """Queue the verification of a quarantined delivery.

        Raises:
            redis.RedisError: as above.
        """
        await asyncio.to_thread(self._enqueue, VERIFY, delivery_id, number)

    async def look_back(self, deletion_id: str, number: int) -> None:
        """Queue the look at a deletion a day later.

        Raises:
            redis.RedisError: as above.
        """
        await asyncio.to_thread(self._enqueue, LOOK_BACK, deletion_id, number)

    async def sweep(self, sweep_id: str, number: int) -> None:
        """Queue the next slice of a sweep.

        Raises:
            redis.RedisError: as above.
        """
        await asyncio.to_thread(self._enqueue, SWEEP, sweep_id, number)

    async def replay(self, replay_id: str, number: int) -> None:
        """Queue the next slice of a bulk replay.

        Raises:
            redis.RedisError: as above.
        """
        await asyncio.to_thread(self._enqueue, REPLAY, replay_id, number)

    async def tell(self, notice_id: str, number: int) -> None:
        """Queue the handing over of a notice to the outbox.

        Raises:
            redis.RedisError: as above.
        """
        await asyncio.to_thread(self._enqueue, TELL, notice_id, number)

    async def read_account(self, number: int) -> None:
        """Queue the daily read of the account.

        Raises:
            redis.RedisError: as above.
        """
        await asyncio.to_thread(self._enqueue, READ_ACCOUNT, "account", number)

    def _enqueue(self, function: str, record_id: str, number: int) -> None:
        try:
            self._queue.enqueue(
                function,
                record_id,
                job_id=f"{record_id}-{number}",
                unique=True,
                description=f"{function.rpartition('.')[2]} {record_id}",
                job_timeout=_JOB_SECONDS,
                result_ttl=0,
                failure_ttl=_KEPT_SECONDS,
            )
        except DuplicateJobError:
            # Our own enqueue, whose answer was lost: the number is used once.
            return

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()
