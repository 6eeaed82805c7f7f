"""What follows once a delivery is durable: its deletions are queued, and it is logged."""

import asyncio
from typing import Final

import structlog
from redis.exceptions import RedisError

from workers.intake.intake import Acknowledged
from workers.processes.queue import JobQueue

_ENQUEUE_SECONDS: Final = 0.5

log = structlog.get_logger()


async def accepted(jobs: JobQueue, source: str, acknowledged: Acknowledged) -> None:
    """Queue the new deletions, and log every event. The scheduler finds what was not queued."""
    try:
        async with asyncio.timeout(_ENQUEUE_SECONDS):
            for receipt in acknowledged.receipts:
                if receipt.deletion_id is not None and receipt.job is not None:
                    await jobs.enqueue("advance_deletion", receipt.deletion_id, receipt.job)
    except (RedisError, TimeoutError) as error:
        kind = type(error).__name__
        log.warning("not_enqueued", delivery_id=acknowledged.delivery_id, error=kind)
    for receipt in acknowledged.receipts:
        write = log.error if receipt.alert else log.info
        write(
            "received",
            source=source,
            delivery_id=acknowledged.delivery_id,
            verdict=receipt.verdict,
            reason=receipt.reason,
            deletion_id=receipt.deletion_id,
            alert=receipt.alert,
        )
