"""The scheduler: dispatches work whose time has come. It decides nothing; two of them do no harm.

A lost job, a dead worker and a finished wait are one case: the due score has passed and no job
is waiting. The queue is kept short and filled up again at once while more waits, so that whoever
comes next is soon served.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workers.ledger.installation.heartbeats import SCHEDULER
from workers.ledger.ledger import Ledger
from workers.processes.duties import Duty
from workers.processes.queue import Job, JobQueue
from workers.processes.stopping import in_rounds, told_within
from workers.times.clock import Clock
from workers.upkeep.continuity import CLOCK_OFF, Continuity

_MISSED_BEATS = 10
# Until the queue is filled up again; a worker takes longer for what is in it.
_REFILL_SECONDS = 0.05
# The same while nothing waited at the last look.
_LOOK_SECONDS = 0.2
# What is due of a kind, each with the number of its next job.
_Take = Callable[[datetime], Awaitable[list[tuple[str, int]]]]


@dataclass
class Scheduler:
    """One scheduler process."""

    ledger: Ledger
    jobs: JobQueue
    clock: Clock
    interval: timedelta
    duties: Sequence[Duty] = ()
    continuity: Continuity | None = None
    _first: int = 0

    async def tick(self) -> bool:
        """See to everything that is due now; whether deletions wait for room in the queue.

        Raises AnotherAccount: the record is for another IT Glue account.
        """
        now = self.clock()
        await self.ledger.account.require_ours(now)
        await self.ledger.heartbeats.beat(SCHEDULER, now, _MISSED_BEATS * self.interval)
        if self.continuity is not None and await self.continuity.look() == CLOCK_OFF:
            # What is due is for a scheduler to say whose clock is right.
            return False
        more = await self.fill_up()
        await self._others(now)
        for duty in self.duties:
            if await self.ledger.ticks.claim(duty.name, duty.every):
                await duty.run(now)
        return more

    async def fill_up(self) -> bool:
        """Queue the deletions whose turn it is, while there is room; whether more wait."""
        if self.ledger.store.memory.trouble == CLOCK_OFF:
            return False
        handed = await self.ledger.deletions.hand_out(self.clock())
        for deletion_id, number in handed.jobs:
            await self.jobs.enqueue("advance_deletion", deletion_id, number)
        return handed.more

    async def _others(self, now: datetime) -> None:
        """A few of each other kind; they share their room, so each is the first one in turn."""
        ledger = self.ledger
        kinds: tuple[tuple[Job, _Take], ...] = (
            ("run_sweep", ledger.sweeps.take_due),
            ("run_replay", ledger.replays.take_due),
            ("verify_delivery", ledger.quarantine.take_due),
            ("look_back_at_deletion", ledger.deletions.take_aftercare),
            ("catch_up", ledger.catch_ups.take_due),
        )
        self._first = (self._first + 1) % len(kinds)
        for job, take in (*kinds[self._first :], *kinds[: self._first]):
            for record_id, number in await take(now):
                await self.jobs.enqueue(job, record_id, number)

    async def _round(self, stop: asyncio.Event) -> None:
        """A tick, and until the next one the queue is filled up."""
        clock = asyncio.get_running_loop().time
        next_tick = clock() + self.interval.total_seconds()
        more = await self.tick()
        while not stop.is_set() and (left := next_tick - clock()) > 0:
            await told_within(stop, min(left, _REFILL_SECONDS if more else _LOOK_SECONDS))
            more = not stop.is_set() and await self.fill_up()

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until told to stop. Redis may go away and come back. Raises StorageUnfit."""
        seconds = self.interval.total_seconds()
        await in_rounds(self.ledger, lambda: self._round(stop), stop, seconds)
