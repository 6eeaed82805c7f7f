"""Being told to stop, for parts that go round and round."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from workers.ledger.installation.condition import condition_of
from workers.ledger.ledger import Ledger
from workers.upkeep.storage import require_fit

# How long work may go on once the process is told to stop.
_LAST_SECONDS: Final = 5.0
# Closing a connection takes less.
_CLEANS_UP_SECONDS: Final = 1.0

log = structlog.get_logger()


async def told_within(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, but not when told to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def unless_stopped(work: Coroutine[None, None, object], stop: asyncio.Event) -> None:
    """Do it; but once told to stop, for a moment only: what it leaves is due again."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait({working}, timeout=_LAST_SECONDS)
        if working.done():
            working.result()
    finally:
        working.cancel()
        stopping.cancel()


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """The work goes on in the background until the block ends. Raises what it raised."""
    running = asyncio.create_task(work)
    try:
        yield
    finally:
        await cancelled(running)
        if not running.cancelled():
            running.result()


async def in_rounds(
    ledger: Ledger, around: Callable[[], Coroutine[None, None, object]], stop: asyncio.Event,
    away_seconds: float,
) -> None:  # fmt: skip
    """Go round until told to stop, once Redis is found fit. It may go away and come back.

    Between two looks at a Redis that is away so many seconds pass. Raises StorageUnfit.
    """
    trouble: str | None = None
    fit = False
    while not stop.is_set():
        try:
            if not fit:
                await unless_stopped(require_fit(ledger), stop)
                fit = True
            await unless_stopped(around(), stop)
        except (RedisError, OSError) as error:
            how = condition_of(error) or "refusing"
            if how != trouble:
                log.warning("redis_unavailable", redis=how, error=type(error).__name__)
            trouble = how
            await told_within(stop, away_seconds)
        else:
            if trouble is not None:
                log.info("redis_available")
            trouble = None


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """End them, and take note of their errors, which are nobody's any more.

    Cancelled again and again: redis-py swallows a cancellation that meets a command which is just
    being written (`asyncio.wait_for` before Python 3.12).
    """
    while left := [each for each in tasks if not each.done()]:
        for each in left:
            each.cancel()
        await asyncio.wait(left, timeout=_CLEANS_UP_SECONDS)
    for each in tasks:
        if not each.cancelled():
            each.exception()
