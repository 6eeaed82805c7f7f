"""The worker process: RQ's forking worker on our one queue."""

import asyncio

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.serializers import JSONSerializer

from workers import jobs  # imported before the fork, so that a job starts at once
from workers.audit.configuration import record_configuration
from workers.clock import system_clock
from workers.queue import QUEUE
from workers.runtime import open_ledger, redis_url
from workers.settings import Settings

# RQ's own defaults leave a dead worker's job alone for up to 17 minutes. The ledger's due scores
# are what recovers it; this keeps RQ's own books short behind.
_WORKER_TTL = 30
_MAINTENANCE_SECONDS = 15

__all__ = ["jobs", "run_worker"]

log = structlog.get_logger()


def run_worker(settings: Settings, *, name: str | None = None) -> None:
    """Work until SIGTERM or SIGINT: the job under way is finished first."""
    _record_configuration(settings)
    worker = Worker(
        [QUEUE],
        name=name,
        connection=Redis.from_url(redis_url(settings)),
        serializer=JSONSerializer,
        worker_ttl=_WORKER_TTL,
        maintenance_interval=_MAINTENANCE_SECONDS,
        log_job_description=False,
    )
    worker.work(logging_level="WARNING")


def _record_configuration(settings: Settings) -> None:
    async def record() -> None:
        async with open_ledger(settings) as ledger:
            await record_configuration(settings, ledger, "worker", system_clock)

    try:
        asyncio.run(record())
    except (RedisError, OSError) as error:
        # The next start says it; work does not wait for it.
        log.warning("configuration_not_recorded", error=type(error).__name__)
