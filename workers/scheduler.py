"""The scheduler: hands out what is due. It decides nothing, and two of them do no harm.

A lost job, a dead worker and a finished wait are one case: the due score has passed and no job
is waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from redis.exceptions import RedisError

from workers.clock import Clock
from workers.continuity import CLOCK_OFF, Continuity
from workers.duties import Duty
from workers.ledger.condition import condition_of
from workers.ledger.ledger import Ledger
from workers.queue import Job, JobQueue
from workers.storage import require_fit

HEARTBEAT: Final = "scheduler"
_MISSED_BEATS = 10
# How long a tick may go on once the process is told to stop.
_LAST_SECONDS = 5.0
# What is due of a kind, each with the number of its next job.
_Take = Callable[[datetime], Awaitable[list[tuple[str, int]]]]

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
        continuity: Continuity | None = None,
    ) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._clock = clock
        self._interval = interval
        self._duties = duties
        self._continuity = continuity

    async def tick(self) -> int:
        """Queue everything that is due now; how many jobs that were.

        Raises:
            AnotherAccount: the record is for another IT Glue account.
        """
        now = self._clock()
        await self._ledger.account.require_ours(now)
        await self._ledger.heartbeats.beat(HEARTBEAT, now, _MISSED_BEATS * self._interval)
        if self._continuity is not None and await self._continuity.look() == CLOCK_OFF:
            # What is due is for a scheduler to say whose clock is right.
            return 0
        ledger = self._ledger
        due: tuple[tuple[Job, _Take], ...] = (
            ("advance_deletion", ledger.deletions.take_due),
            ("send_callback", ledger.callbacks.take_due),
            ("verify_delivery", ledger.quarantine.take_due),
            ("look_back_at_deletion", ledger.deletions.take_aftercare),
            ("run_sweep", ledger.sweeps.take_due),
            ("run_replay", ledger.replays.take_due),
            ("tell_people", ledger.notices.take_due),
        )
        queued = 0
        for job, take in due:
            for record_id, number in await take(now):
                await self._jobs.enqueue(job, record_id, number)
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
