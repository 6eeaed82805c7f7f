"""The switch that stops every destructive step at once, while everything else goes on.

A person pulls it, or IT Glue does by refusing the key too often in a row; an admin resumes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from redis.exceptions import ResponseError

from adapters.errors import Conflict
from workers.ledger.store import Part, text
from workers.times.clock import from_ms, rfc3339

KEY_REFUSED: Final = "key_refused"
ACCOUNT_CHANGED: Final = "account_changed"
LEDGER_LOST: Final = "ledger_lost"
MOST_REFUSALS: Final = 3


@dataclass(frozen=True, slots=True)
class Pause:
    """Why everything stands still.

    `cause` is "operator", "key_refused", "account_changed" or "ledger_lost".

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


def _loaded(cause: str, line: bytes | str) -> Pause:
    fields = json.loads(line)
    return Pause(cause, fields["by"], from_ms(fields["at"]), fields["reason"])


def _all(lines: Mapping[str, bytes | str]) -> tuple[Pause, ...]:
    found = (_loaded(cause, line) for cause, line in lines.items())
    return tuple(sorted(found, key=lambda each: each.at))


class StopSwitch(Part):
    """The switch."""

    async def pause(self, operator: str, reason: str, now: datetime) -> Pause:
        """Stop: the pause that holds, which may be an older one."""
        line = await self._store.run("pause", now, "operator", operator, reason, durable=True)
        return _loaded("operator", line)

    async def resume(
        self, operator: str, reason: str, now: datetime, *, accept_ledger: bool = False
    ) -> tuple[Pause, ...]:
        """Go on: what was ended, nothing if nothing was paused. Raises Conflict."""
        said = (operator, reason, accept_ledger, uuid4().hex)
        try:
            ended = await self._store.run("resume", now, *said, self._store.own_clock)
        except ResponseError as error:
            if str(error).startswith("ANOTHERACCOUNT"):
                raise Conflict(
                    "IT Glue answers for another account than this ledger is for; check "
                    "itglue.api_key and itglue.region. If the other account is right, accept it: "
                    "unglue resume --accept-account"
                ) from error
            if str(error).startswith("CLOCKOFF"):
                off = abs(int(str(error).split()[1])) / 1000
                raise Conflict(
                    f"the clocks of Redis and of the service differ by {off:.1f} s, so it cannot "
                    "be told what was asked for before; set both by NTP, then accept it again"
                ) from None
            if "LEDGERLOST" not in str(error):
                raise
            raise Conflict(
                "Redis is not the ledger that it was: it was emptied, replaced or restored, and "
                "what clients and people said meanwhile may be missing from it. Compare it with "
                "the PSA, then accept it: unglue resume --accept-ledger --reason ..."
            ) from None
        return _all(text(ended))

    async def pauses(self) -> tuple[Pause, ...]:
        """Why everything stands still, oldest first; empty while it does not."""
        key = self._store.key
        async with self._store.redis.pipeline(transaction=True) as both:
            both.hgetall(key("paused"))
            both.exists(key("running"))
            both.time()
            paused, running, (seconds, _) = await both.execute()
        if not paused and not running:
            reason = "Redis does not hold the permission to delete that every ledger begins with"
            return (Pause(LEDGER_LOST, "", from_ms(seconds * 1000), reason),)
        return _all({name.decode(): line for name, line in paused.items()})

    async def lose_ledger(self, reason: str, now: datetime) -> None:
        """Redis is seen to have lost what it held: stop until an admin accepts that."""
        await self._store.run("pause", now, LEDGER_LOST, "", reason)

    async def key_stopped(self) -> bool:
        """Whether nothing is asked of IT Glue because it refused the key too often."""
        name = self._store.key("paused")
        return bool(await self._store.redis.hexists(name, KEY_REFUSED))

    async def key_refused(self, status: int, now: datetime) -> None:
        """Count a refusal; the third in a row stops everything."""
        await self._store.run(KEY_REFUSED, now, status, MOST_REFUSALS, uuid4().hex)

    async def key_accepted(self) -> None:
        """The row of refusals ends. A pause that it led to does not."""
        await self._store.redis.delete(self._store.key("itglue", "refused"))
