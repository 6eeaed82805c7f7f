"""Waiting until a server answers."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.errors import UnglueError


class StartFailed(UnglueError):
    """A part does not answer after its start."""

    code = "StartFailed"


async def redis_answers(url: str, seconds: float = 15.0) -> None:
    """Wait until the server answers. Raises StartFailed: it did not within the time."""
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
    except TimeoutError:
        raise StartFailed(f"Redis does not answer after {seconds:g} s; see what it says") from None
    finally:
        await redis.aclose()
