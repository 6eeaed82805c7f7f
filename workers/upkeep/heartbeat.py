"""The dead man's switch: a URL is called every minute while all is well.

What watches from outside raises the alarm when the calls stop, whatever the reason: also when the
machine, the network or all of Unglue is gone, and nobody is left who could tell.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import structlog
from redis.exceptions import RedisError

from adapters.counting import counted
from workers.ledger.installation.heartbeats import Call
from workers.ledger.installation.measures import PARTS, Measures
from workers.ledger.ledger import Ledger
from workers.outbox.post import post
from workers.settings import Settings
from workers.times.clock import Clock

# Looked at more often than called, so that several schedulers call once a minute together.
EVERY: Final = timedelta(seconds=55)
_LOOK_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 10.0
# A job takes less than two minutes; so long nobody takes one up only if nobody works.
_STUCK_SECONDS: Final = 600.0
_HINT: Final = "see heartbeat.allow_private_networks"

log = structlog.get_logger()


def unwell(measures: Measures) -> Iterator[str]:
    """What is not well: nothing, or the calls stop. Pure.

    A pause by an operator is meant; the others are Unglue's own alarm. What only one deletion or
    one source suffers from is told by a notice.
    """
    for part in PARTS:
        if part not in measures.beats:
            yield f"no {part} is alive"
    if measures.overdue:
        yield counted(measures.overdue, "deletions are", "deletion is") + " overdue"
    if measures.queue_oldest > _STUCK_SECONDS:
        yield f"the next job has waited for {measures.queue_oldest:.0f} s"
    for cause in sorted(set(measures.pauses) - {"operator"}):
        yield f"paused: {cause}"


class DeadManSwitch:
    """Calls the URL of `[heartbeat]`. A trouble is logged once, and its end."""

    def __init__(self, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._trouble: str | None = None

    async def run(self) -> None:
        """Beat until cancelled."""
        if self._settings.heartbeat.url is None:
            return
        while True:
            await self.beat()
            await asyncio.sleep(_LOOK_SECONDS)

    async def beat(self) -> None:
        """Call the URL if all is well and a minute has passed; note what came of it."""
        try:
            if not await self._ledger.ticks.claim("heartbeat", EVERY):
                return
            made = await self._made()
            await self._ledger.heartbeats.called(made)
        except (RedisError, OSError) as error:
            made = Call(self._clock(), "withheld", f"Redis: {type(error).__name__}")
        self._tell(made)

    async def _made(self) -> Call:
        measures = await self._ledger.measuring.now(self._clock(), self._settings.sources)
        if why := "; ".join(unwell(measures)):
            return Call(self._clock(), "withheld", why)
        heartbeat = self._settings.heartbeat
        posted = await post(
            heartbeat.url or "",
            body=b"",
            headers={},
            allowed_hosts=(),
            allow_private=heartbeat.allow_private_networks,
            hint=_HINT,
            seconds=_PATIENCE_SECONDS,
        )
        if posted.status is None:
            # What follows the colon may quote the URL, which is a secret.
            return Call(self._clock(), "failed", posted.answer.partition(":")[0])
        good = 200 <= posted.status < 300
        return Call(self._clock(), "sent" if good else "failed", f"status {posted.status}")

    def _tell(self, made: Call) -> None:
        if made.state == "sent":
            if self._trouble is not None:
                log.info("heartbeat_sent_again")
            self._trouble = None
        elif made.state != self._trouble:
            failed = made.state == "failed"
            log.warning("heartbeat_failed" if failed else "heartbeat_withheld", why=made.why)
            self._trouble = made.state
