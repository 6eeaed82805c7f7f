"""Keeping to IT Glue's rate limit (3000 requests in 5 minutes, api.itglue.com/developer).

A short wait happens in place; a longer one goes back to the due score, so that a job never sleeps
for more than a second. A 429 that one worker sees holds all of them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from adapters.errors import Postponed
from workers.ledger.installation.budget import RequestBudget
from workers.ledger.installation.stop_switch import StopSwitch
from workers.times.clock import Clock

_IN_PLACE = timedelta(seconds=1)
_AFTER_429 = 60.0
_LONGEST_HOLD = 300.0
_RESERVED_SHARE = 0.05

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Throttle:
    """The hooks of the client: asked before every request, told of every answer."""

    budget: RequestBudget
    limit: int
    clock: Clock
    sleep: Sleep = asyncio.sleep
    while_stopped: bool = False

    async def before_request(self, destructive: bool) -> None:
        """Return when the request may be sent. Raises Postponed."""
        deadline = self.clock() + _IN_PLACE
        reserve = max(1, int(self.limit * _RESERVED_SHARE))
        while True:
            now = self.clock()
            until = await self.budget.take(
                now,
                limit=self.limit,
                reserve=reserve,
                destructive=destructive,
                while_stopped=self.while_stopped,
            )
            if until is None:
                return
            if until > deadline:
                raise Postponed("the request budget for IT Glue is used up", until)
            await self.sleep(max((until - now).total_seconds(), 0.01))

    async def after_answer(self, status: int, retry_after: float | None) -> None:
        """Hold everybody after a 429."""
        if status == 429:
            now = self.clock()
            asked = _AFTER_429 if retry_after is None else min(retry_after, _LONGEST_HOLD)
            await self.budget.hold(now + timedelta(seconds=asked), now)


class KeyWatch:
    """Whether IT Glue accepts the key, told to the record so that all workers stop; one a job.

    Of answers in a row that say the same, only the first is told: one look that asks three times
    at once is one refusal, and thirty accepted reads are one command to Redis.
    """

    def __init__(self, switch: StopSwitch, clock: Clock) -> None:
        self._switch = switch
        self._clock = clock
        self._accepted: bool | None = None

    async def key_judged(self, accepted: bool, status: int) -> None:
        """Hear of one answer."""
        if accepted is self._accepted:
            return
        self._accepted = accepted
        if accepted:
            await self._switch.key_accepted()
        else:
            await self._switch.key_refused(status, self._clock())
