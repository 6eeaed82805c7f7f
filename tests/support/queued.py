"""Jobs are queued beside the answer, so they may come a moment after it."""

import asyncio

from redis.asyncio import Redis

from workers.processes.queue import QUEUE_KEY

_LOOK_EVERY = 0.01
_LOOKS = 500


async def queued(redis: "Redis", jobs: int = 1) -> None:
    """Go on once exactly so many jobs wait. Raises TimeoutError: they did not come."""
    for _ in range(_LOOKS):
        if await redis.llen(QUEUE_KEY) == jobs:
            return
        await asyncio.sleep(_LOOK_EVERY)
    raise TimeoutError(f"there are not {jobs} jobs in the queue")
