"""The leases of what workers take: kept while they work, given back by who saw them die.

Taking and ending are part of what each kind of record is.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal, cast

from workers.ledger.store import Store, text
from workers.times.clock import to_ms
from workers.times.durations import milliseconds

Kind = Literal["deletion", "sweep", "replay", "catch_up"]
DUE: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "deletion": "due",
        "sweep": "sweeps:due",
        "replay": "replays:due",
        "catch_up": "catch_ups:due",
    }
)

# Longer than the process of a job may live.
_ALONG: Final = timedelta(minutes=10)


async def take(store: Store, kind: Kind, record_id: str, now: datetime) -> dict[str, str] | None:
    """The fields of what is taken; `None` if it is somebody else's, not due, ended or unknown."""
    args = [record_id, to_ms(now), store.lease, kind, DUE[kind], store.own, store.holder]
    return text(await store.run("lease", args)) or None


class Leases:
    """The leases of deletions, sweeps, bulk replays and catch-ups."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def renew(self, kind: Kind, record_id: str, fence: int, now: datetime) -> bool:
        """Keep it for another lease from now; false if it is over, or somebody else's."""
        args = [record_id, fence, to_ms(now), self._store.lease, kind, DUE[kind]]
        return bool(await self._store.run("renew", [*args, self._store.own]))

    async def give_back(self, kind: Kind, record_id: str, holder: str, now: datetime) -> bool:
        """End the lease of a process that is known to be gone; false if it has none there."""
        args = [record_id, to_ms(now), kind, DUE[kind], holder, self._store.own]
        return bool(await self._store.run("give_back", args))

    async def take_along(self, first: str) -> str | None:
        """The next deletion of the queue, for the process that was started for `first`, if any.

        It is off the queue by this and not leased yet; `taken_along` names it.
        """
        args = [first, self._store.holder, milliseconds(_ALONG)]
        taken = await self._store.run("take_along", args)
        return taken.decode() if taken is not None else None

    async def taken_along(self, holder: str) -> tuple[str, ...]:
        """The deletions that this process took along, ended or not."""
        store = self._store
        ids = await store.redis.smembers(store.key("along", holder))
        return tuple(sorted(each.decode() for each in cast("set[bytes]", ids)))
