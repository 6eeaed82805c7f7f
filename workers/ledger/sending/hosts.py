"""The hosts that results and notifications go to: which of them do not answer.

All senders share this: what one of them found out, the others need not wait for.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from workers.ledger.store import Part
from workers.times.clock import from_ms
from workers.times.durations import milliseconds

# So many attempts in a row, of whatever callbacks, that found nobody there.
_IN_A_ROW: Final = 2
# How long nothing is sent, after the first time and after each probe in vain.
WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300))
# Longer than an attempt may take; then whoever made the probe is gone.
_PROBE_LASTS: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether a host may be sent something now.

    `probe`: this one thing, to see whether it is there; `probed`: somebody else tries that now;
    `silent`: not before `until`.
    """

    may: Literal["free", "probe", "probed", "silent"]
    until: datetime | None = None


class Hosts(Part):
    """The hosts."""

    async def ask(self, host: str, now: datetime) -> Leave:
        """Whether something may be sent to the host now; who is told `probe` has to send it."""
        may, *until = await self._store.run("ask_host", host, now, _PROBE_LASTS)
        return Leave(may.decode(), from_ms(until[0].decode()) if until else None)

    async def answered(self, host: str) -> datetime | None:
        """It is there: since when it had been silent, if it had."""
        since = await self._store.run("host_answered", host)
        return from_ms(since.decode()) if since else None

    async def silent(self, host: str, now: datetime) -> datetime | None:
        """It was tried in vain: until when nothing is sent, if it is found silent just now."""
        waits = json.dumps([milliseconds(each) for each in WAITS])
        answer, *until = await self._store.run("host_silent", host, now, _IN_A_ROW, waits)
        return from_ms(until[0].decode()) if answer == b"opened" else None

    async def all_silent(self) -> dict[str, datetime]:
        """The hosts that do not answer, each with since when."""
        found = await self._store.hash("hosts", "silent")
        return {host: from_ms(since) for host, since in found.items()}

    async def failing_targets(self) -> dict[str, int | None]:
        """Targets of notifications whose newest attempt failed, each with its status."""
        found = await self._store.hash("targets", "failing")
        return {name: json.loads(line).get("status") for name, line in found.items()}
