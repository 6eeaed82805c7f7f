"""The worker process: works while Redis is there, and waits while it is not."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from redis.exceptions import RedisError

from workers import jobs  # imported before the fork, so that a job starts at once
from workers.audit.configuration import record_configuration
from workers.clock import system_clock
from workers.ledger.condition import condition, condition_of
from workers.runtime import open_ledger, redis_url
from workers.settings import Settings
from workers.steady_worker import SteadyWorker, Stop
from workers.storage import require_fit

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 5.0

__all__ = ["jobs", "run_worker"]

log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT: the job under way is finished first.

    Raises:
        StorageUnfit: Redis would lose the record.
    """
    stop = Stop()
    stop.listen()
    said: str | None = None
    wait = _FIRST_WAIT

    def ready() -> None:
        nonlocal said, wait
        if said is not None:
            log.info("redis_available")
        said, wait = None, _FIRST_WAIT

    while not stop.told():
        trouble = asyncio.run(_trouble(settings))
        if trouble is None:
            trouble = _work(settings, stop, ready)
        if stop.told():
            break
        if trouble != said:
            log.warning("redis_unavailable", redis=trouble)
        said = trouble
        stop.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)
    log.info("stopped")


def _work(settings: Settings, stop: Stop, ready: Callable[[], None]) -> str:
    """Work until told to stop or until Redis fails; what it said."""
    try:
        SteadyWorker(redis_url(settings), stop, ready).work(logging_level="WARNING")
    except (RedisError, OSError) as error:
        return condition_of(error) or "refusing"
    finally:
        stop.worker = None
    return "interrupted"


async def _trouble(settings: Settings) -> str | None:
    """What keeps Redis from being worked with.

    Raises:
        StorageUnfit: it would lose the record.
    """
    try:
        async with open_ledger(settings, prompt=True) as ledger:
            await require_fit(ledger)
            trouble = await condition(ledger.store.redis, ledger.store.key("probe"))
            if trouble is None:
                await record_configuration(settings, ledger, "worker", system_clock)
    except (RedisError, OSError) as error:
        return condition_of(error) or "refusing"
    return trouble
