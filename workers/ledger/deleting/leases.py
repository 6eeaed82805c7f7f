"""The leases of what workers take: kept while they work, given back by who saw them die.

Taking and ending are part of what each kind of record is.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar, cast

from workers.ledger.records import loaded
from workers.ledger.store import Part, Store, text

T = TypeVar("T")
Kind = Literal["deletion", "sweep", "replay", "catch_up"]

# Longer than the process of a job may live.
_ALONG: Final = timedelta(minutes=10)


async def take(store: Store, kind: Kind, record_id: str, now: datetime) -> dict[str, str] | None:
    """The fields of what is taken; `None` if it is somebody else's, not due, ended or unknown."""
    taker = (store.lease, kind, store.own_clock, store.holder)
    return text(await store.run("lease", record_id, now, *taker)) or None


class Work(Part, Generic[T]):
    """The records of a kind of work that goes on in slices, each under a lease."""

    kind: ClassVar[Kind]
    form: type[T]

    async def lease(self, record_id: str, now: datetime) -> T | None:
        """Take it, or `None` if it is somebody else's, not due, ended or unknown."""
        fields = await take(self._store, self.kind, record_id, now)
        return loaded(self.form, fields) if fields else None

    async def take_due(self, now: datetime) -> list[tuple[str, int]]:
        """Those that are due and in no queue, each with the number of its next job."""
        return await self._store.due(f"{self.kind}s:due", self.kind, now)


class ListedWork(Work[T]):
    """Of such a kind, those that people begin, and look at by their ids."""

    async def get(self, record_id: str) -> T:
        """One of them. Raises NotFound: there is none of this id."""
        return loaded(self.form, await self._store.found(self.kind, record_id))

    async def newest(self, limit: int) -> list[T]:
        """The newest of them."""
        names = await self._store.redis.zrevrange(self._store.key(f"{self.kind}s"), 0, limit - 1)
        found = [await self._store.hash(self.kind, name.decode()) for name in cast("Any", names)]
        return [loaded(self.form, fields) for fields in found if "id" in fields]


class Leases(Part):
    """The leases of deletions, sweeps, bulk replays and catch-ups."""

    async def renew(self, kind: Kind, record_id: str, fence: int, now: datetime) -> bool:
        """Keep it for another lease from now; false if it is over, or somebody else's."""
        taker = (self._store.lease, kind, self._store.own_clock)
        return bool(await self._store.run("renew", record_id, fence, now, *taker))

    async def give_back(self, kind: Kind, record_id: str, holder: str, now: datetime) -> bool:
        """End the lease of a process that is known to be gone; false if it has none there."""
        taker = (kind, holder, self._store.own_clock)
        return bool(await self._store.run("give_back", record_id, now, *taker))

    async def take_along(self, first: str) -> str | None:
        """The next deletion of the queue, for the process that was started for `first`, if any.

        It is off the queue by this and not leased yet; `taken_along` names it.
        """
        taken = await self._store.run("take_along", first, self._store.holder, _ALONG)
        return taken.decode() if taken is not None else None

    async def taken_along(self, holder: str) -> tuple[str, ...]:
        """The deletions that this process took along, ended or not."""
        store = self._store
        ids = await store.redis.smembers(store.key("along", holder))
        return tuple(sorted(each.decode() for each in cast("set[bytes]", ids)))
