"""The scheduler: hands out what is due. It decides nothing, and two of them do no harm.

A lost job, a dead worker and a finished wait are one case: the due score has passed and no job
is waiting.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Final

import structlog
from redis.exceptions import RedisError

from workers.clock import Clock
from workers.duties import Duty
from workers.ledger.condition import condition_of
from workers.ledger.ledger import Ledger
from workers.queue import JobQueue
from workers.storage import require_fit

HEARTBEAT: Final = "scheduler"
_BATCH = 200
_MISSED_BEATS = 10
# How long a tick may go on once the process is told to stop.
_LAST_SECONDS = 5.0

log = structlog.get_logger()


class Scheduler:
    """One scheduler process."""

    def __init__(
        self,
        ledger: Ledger,
        jobs: JobQueue,
        *,
        clock: Clock,
        interval: timedelta,
        duties: Sequence[Duty] = (),
    ) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._clock = clock
        self._interval = interval
        self._duties = duties

    async def tick(self) -> int:
        """Queue everything that is due now; how many jobs that were."""
        now = self._clock()
        await self._ledger.heartbeats.beat(HEARTBEAT, now, _MISSED_BEATS * self._interval)
        queued = 0
        deletions = await self._ledger.deletions.take_due(now, limit=_BATCH)
        for deletion_id, number in deletions:
            await self._jobs.advance(deletion_id, number)
            queued += 1
        for callback_id, number in await self._ledger.callbacks.take_due(now, limit=_BATCH):
            await self._jobs.send(callback_id, number)
            queued += 1
        for delivery_id, number in await self._ledger.quarantine.take_due(now):
            await self._jobs.verify(delivery_id, number)
            queued += 1
        for deletion_id, number in await self._ledger.deletions.take_aftercare(now):
            await self._jobs.look_back(deletion_id, number)
            queued += 1
        for sweep_id, number in await self._ledger.sweeps.take_due(now):
            await self._jobs.sweep(sweep_id, number)
            queued += 1
        for replay_id, number in await self._ledger.replays.take_due(now):
            await self._jobs.replay(replay_id, number)
            queued += 1
        for notice_id, number in await self._ledger.notices.take_due(now):
            await self._jobs.tell(notice_id, number)
            queued += 1
        for duty in self._duties:
            if await self._ledger.ticks.claim(duty.name, duty.every):
                await duty.run(now)
        return queued

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until told to stop. Redis may go away and come back.

        Raises:
            StorageUnfit: it would lose the record.
        """
        trouble: str | None = None
        fit = False
        while not stop.is_set():
            try:
                if not fit:
                    await _unless_stopped(require_fit(self._ledger), stop)
                    fit = True
                await _unless_stopped(self.tick(), stop)
            except (RedisError, OSError) as error:
                how = condition_of(error) or "refusing"
                if how != trouble:
                    log.warning("redis_unavailable", redis=how, error=type(error).__name__)
                trouble = how
            else:
                if trouble is not None:
                    log.info("redis_available")
                trouble = None
            try:
                await asyncio.wait_for(stop.wait(), self._interval.total_seconds())
            except TimeoutError:
                continue


async def _unless_stopped(work: Coroutine[None, None, object], stop: asyncio.Event) -> None:
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
