"""The scheduler: hands out what is due. It decides nothing, and two of them do no harm.

A lost job, a dead worker and a finished wait are one case: the due score has passed and no job
is waiting.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from redis.exceptions import RedisError

from workers.clock import Clock
from workers.duties import Duty
from workers.ledger.ledger import Ledger
from workers.queue import JobQueue

HEARTBEAT: Final = "scheduler"
_BATCH = 200
_MISSED_BEATS = 10

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
        """Tick until told to stop. Redis may go away and come back."""
        failing = False
        while not stop.is_set():
            try:
                await self.tick()
            except (RedisError, OSError) as error:
                if not failing:
                    log.warning("redis_unavailable", error=type(error).__name__)
                failing = True
            else:
                if failing:
                    log.info("redis_available")
                failing = False
            try:
                await asyncio.wait_for(stop.wait(), self._interval.total_seconds())
            except TimeoutError:
                continue
