"""The spools of the services, as far as the ledger has heard of them.

What lies in a spool the ledger has not seen, and it may be that a client came back: `begin_delete`
waits for every spool that is known here and did not say within the last 3 s that it is empty.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from workers.ledger.records import loaded
from workers.ledger.store import Part
from workers.times.clock import ms_or_none

# The same figure stands in the script that asks.
FRESH: Final = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class KnownSpool:
    """What a spool last said. `empty_at` is `None` if it never was; `aside` names sources."""

    id: str
    where: str
    since: datetime
    seen_at: datetime
    empty_at: datetime | None
    waiting: int
    oldest: datetime | None
    aside: tuple[str, ...]

    def holds(self, now: datetime) -> bool:
        """Whether deletions wait for it: all that events lead to, or those of some sources."""
        return bool(self.aside) or self.empty_at is None or now - self.empty_at > FRESH

    @property
    def holds_since(self) -> datetime:
        """Since when the ledger has not heard that it is empty."""
        return self.empty_at or self.since


class Spools(Part):
    """The spools that deletions wait for."""

    async def beat(
        self,
        spool_id: str,
        now: datetime,
        *,
        where: str,
        waiting: int,
        oldest: datetime | None,
        aside: Sequence[str] = (),
        durable: bool = False,
        process: str = "",
    ) -> None:
        """Say how a spool stands, as of `now`. `durable` the first time: it must not be lost.

        `process` tells who says it from who says it over a copy of its folder: with two of them it
        holds, whatever they say.
        """
        await self._store.run(
            "beat_spool",
            spool_id,
            now,
            waiting,
            oldest,
            where,
            json.dumps(sorted(aside)),
            self._store.own_clock,
            process,
            durable=durable,
        )

    async def sign_off(self, spool_id: str, now: datetime) -> None:
        """The spool is empty and its service ends: nobody waits for it any more."""
        await self._store.run("forget_spool", spool_id, now, "", "")

    async def forget(self, spool_id: str, now: datetime, *, operator: str, reason: str) -> None:
        """A person says that the spool and what was in it are gone for good. Raises NotFound."""
        await self._store.run("forget_spool", spool_id, now, operator, reason, durable=True)

    async def all(self) -> list[KnownSpool]:
        """Every spool that is known, in the order of their ids."""
        name = self._store.key("spools")
        scores = cast(
            "list[tuple[bytes, float]]",
            await self._store.redis.zrange(name, 0, -1, withscores=True),
        )
        found = []
        for spool_id, empty_at in scores:
            fields = await self._store.hash("spool", spool_id.decode())
            if not fields:
                continue
            found.append(loaded(KnownSpool, fields, empty_at=ms_or_none(empty_at)))
        return sorted(found, key=lambda spool: spool.id)
