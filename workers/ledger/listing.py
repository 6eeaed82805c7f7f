"""Lists of deletions and deliveries, newest first, a page at a time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from workers.clock import to_ms
from workers.ledger.deletions import Deletions
from workers.ledger.deliveries import Deliveries
from workers.ledger.records import Deletion, Delivery
from workers.ledger.store import Store

# Read at a time while looking for what fits; a filter that fits little must not read all at once.
_CHUNK = 100
_MOST_LOOKED_AT = 5000


@dataclass(frozen=True, slots=True)
class Page:
    """Which records: those created in [since, until), of this source and state (or verdict)."""

    limit: int
    source: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Listing:
    """Reads the indexes."""

    def __init__(self, store: Store, deletions: Deletions, deliveries: Deliveries) -> None:
        self._store = store
        self._deletions = deletions
        self._deliveries = deliveries

    async def deletions(self, page: Page) -> list[Deletion]:
        """Deletions by the time they were asked for."""
        index = ("deletions", page.state) if page.state else ("deletions",)
        found: list[Deletion] = []
        async for name in self._names(index, page):
            deletion = await self._deletions.get(name)
            if page.source in (None, deletion.source) and page.state in (None, deletion.state):
                found.append(deletion)
                if len(found) == page.limit:
                    break
        return found

    async def deliveries(self, page: Page) -> list[Delivery]:
        """Deliveries by the time they came; `state` is the verdict."""
        found: list[Delivery] = []
        async for name in self._names(("deliveries",), page):
            delivery = await self._deliveries.get(name)
            if page.source in (None, delivery.source) and page.state in (None, delivery.verdict):
                found.append(delivery)
                if len(found) == page.limit:
                    break
        return found

    async def _names(self, index: tuple[str, ...], page: Page) -> AsyncIterator[str]:
        newest = f"({to_ms(page.until)}" if page.until else "+inf"
        oldest = to_ms(page.since) if page.since else "-inf"
        for start in range(0, _MOST_LOOKED_AT, _CHUNK):
            names = await self._store.redis.zrevrangebyscore(
                self._store.key(*index), newest, oldest, start=start, num=_CHUNK
            )
            for name in cast("list[bytes]", names):
                yield name.decode()
            if len(names) < _CHUNK:
                return
