"""Waiting until a server answers."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError


async def redis_answers(url: str, seconds: float = 15.0) -> None:
    """Wait until the server answers.

    Raises:
        TimeoutError: it did not within the time.
    """
    redis = Redis.from_url(url)
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await redis.ping()
                except (RedisError, OSError):
                    await asyncio.sleep(0.05)
                else:
                    return
    finally:
        await redis.aclose()
