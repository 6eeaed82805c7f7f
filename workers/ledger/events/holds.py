"""Deliveries that hold deletions until a person has seen to them.

What is genuine and was not understood may say that a client is active; so may what nobody can
prove.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from workers.ledger.store import Part
from workers.times.clock import from_ms

Why = Literal["rejected", "unverified"]
WHYS: Final[tuple[Why, ...]] = ("rejected", "unverified")


@dataclass(frozen=True, slots=True)
class Held:
    """One that holds: the deletions of these `clients`, or of its whole source if it names none."""

    delivery_id: str
    source: str
    verdict: Why
    at: datetime
    reason: str
    clients: tuple[str, ...] = ()


class Holds(Part):
    """What holds deletions."""

    async def all(self) -> list[Held]:
        """Everything that holds, oldest first; also of sources that are no longer configured."""
        found: list[Held] = []
        for source in await self._sources():
            found += await self._rejected(source)
            found += await self._unproved(source)
        return sorted(found, key=lambda each: (each.at, each.delivery_id))

    async def of(self, source: str, verdict: Why, until: datetime | None = None) -> Sequence[str]:
        """The ids of a source's deliveries of this verdict that hold, of those that came before."""
        read = self._rejected if verdict == "rejected" else self._unproved
        held = await read(source)
        return [each.delivery_id for each in held if until is None or each.at < until]

    async def count(self) -> int:
        """How many deliveries hold deletions because they were not understood."""
        keys = [self._store.key("holding", source) for source in await self._sources()]
        async with self._store.redis.pipeline(transaction=False) as reads:
            for key in keys:
                reads.hlen(key)
            return sum(await reads.execute())

    async def tell(self, now: datetime) -> None:
        """Have people told of what was not understood, and that nobody was told of: hourly."""
        await self._store.run("tell_held", now)

    async def _sources(self) -> list[str]:
        """Whoever ever sent something, or said it when it was asked."""
        redis, key = self._store.redis, self._store.key
        proved = cast("list[bytes]", await redis.hkeys(key("sources", "last")))
        unproved = cast("list[bytes]", await redis.hkeys(key("quarantine", "bytes")))
        odd = cast("list[bytes]", await redis.hkeys(key("holds", "told")))
        return sorted({name.decode() for name in (*proved, *unproved, *odd)})

    async def _rejected(self, source: str) -> list[Held]:
        lines = await self._store.hash("holding", source)
        found = []
        for delivery_id, line in lines.items():
            held: dict[str, Any] = json.loads(line)
            at, clients = from_ms(held["at"]), tuple(held["clients"])
            found.append(Held(delivery_id, source, "rejected", at, held["reason"], clients))
        return found

    async def _unproved(self, source: str) -> list[Held]:
        names = list((await self._store.hash("quarantine", source)).values())
        async with self._store.redis.pipeline(transaction=False) as reads:
            for name in names:
                reads.hmget(self._store.key("delivery", name), "received_at", "reason")
            kept = await reads.execute()
        return [
            Held(name, source, "unverified", from_ms(at.decode()), reason.decode())
            for name, (at, reason) in zip(names, kept, strict=True)
            if at is not None
        ]
