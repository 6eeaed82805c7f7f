"""The switch that stops every destructive step at once, while everything else goes on.

A person pulls it, or IT Glue does by refusing the key too often in a row; an admin resumes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from workers.clock import from_ms, rfc3339, to_ms
from workers.ledger.store import Store, text

KEY_REFUSED: Final = "key_refused"
MOST_REFUSALS: Final = 3


@dataclass(frozen=True, slots=True)
class Pause:
    """Why everything stands still: `cause` is "operator" or "key_refused".

    `by` is the operator, or "" where nobody said it.
    """

    cause: str
    by: str
    at: datetime
    reason: str

    @property
    def words(self) -> str:
        """What an operator reads."""
        who = f"by {self.by} " if self.by else ""
        return f"paused {who}at {rfc3339(self.at)}: {self.reason}"

    def plain(self) -> dict[str, str | None]:
        """The pause as JSON values."""
        return {
            "cause": self.cause,
            "by": self.by or None,
            "at": rfc3339(self.at),
            "reason": self.reason,
        }


def _loaded(cause: str, line: bytes | str) -> Pause:
    fields = json.loads(line)
    return Pause(cause, fields["by"], from_ms(fields["at"]), fields["reason"])


def _all(lines: Mapping[str, bytes | str]) -> tuple[Pause, ...]:
    found = (_loaded(cause, line) for cause, line in lines.items())
    return tuple(sorted(found, key=lambda each: each.at))


class StopSwitch:
    """The switch."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def pause(self, operator: str, reason: str, now: datetime) -> Pause:
        """Stop: the pause that holds, which may be an older one."""
        line = await self._store.run("pause", [to_ms(now), operator, reason], durable=True)
        return _loaded("operator", line)

    async def resume(self, operator: str, reason: str, now: datetime) -> tuple[Pause, ...]:
        """Go on: what was ended, nothing if nothing was paused."""
        return _all(text(await self._store.run("resume", [to_ms(now), operator, reason])))

    async def pauses(self) -> tuple[Pause, ...]:
        """Why everything stands still, oldest first; empty while it does not."""
        return _all(await self._store.hash("paused"))

    async def key_stopped(self) -> bool:
        """Whether nothing is asked of IT Glue because it refused the key too often."""
        name = self._store.key("paused")
        return bool(await self._store.redis.hexists(name, KEY_REFUSED))

    async def key_refused(self, status: int, now: datetime) -> None:
        """Count a refusal; the third in a row stops everything."""
        await self._store.run(KEY_REFUSED, [to_ms(now), status, MOST_REFUSALS, uuid4().hex])

    async def key_accepted(self) -> None:
        """The row of refusals ends. A pause that it led to does not."""
        await self._store.redis.delete(self._store.key("itglue", "refused"))
