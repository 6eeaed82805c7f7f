"""Lists of deletions and deliveries, newest first, a page at a time."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final, Generic, TypeVar, cast

from adapters.errors import NotFound
from workers.ledger.deleting.deletions import Deletions
from workers.ledger.events.deliveries import Deliveries, Delivery
from workers.ledger.records import Deletion
from workers.ledger.store import Store, record_of
from workers.pipeline.states import QUEUED, RUNNING, WAITING
from workers.times.clock import from_ms, to_ms

T = TypeVar("T")
# Where a deletion's record says what organization it is about.
_SUBJECT: Final = ("request", "plan", "pinned", "known_name")
_AT_ONCE: Final = 500
_DAY: Final = timedelta(days=1)
# What is packed takes a tenth of a millisecond to look into.
_MOST_SIFTED: Final = 1000
Sift = Callable[[Sequence[bytes]], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """Which records: those created in [since, until), of this source and state (or verdict)."""

    limit: int
    source: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page. `next_until` continues with older ones; `None`: there are none.

    A page ends between two moments, so it holds more than its limit where several records are of
    one, and less where much was looked at for little.
    """

    records: list[T]
    next_until: datetime | None


class Listing:
    """Reads the indexes, `most` entries for a page, however little fits."""

    def __init__(
        self, store: Store, deletions: Deletions, deliveries: Deliveries, most: int = 2000
    ) -> None:
        self._store = store
        self._most = most
        self._deletions = deletions
        self._deliveries = deliveries

    async def deletions(self, page: Page, about: Sift | None = None) -> Listed[Deletion]:
        """Deletions by the time they were asked for.

        `about` says of a record's id, and of its fields that tell what organization it is about,
        whether it is wanted: whole records take far longer to read.
        """

        def fits(deletion: Deletion) -> bool:
            return page.source in (None, deletion.source) and page.state in (None, deletion.state)

        index = ("deletions", page.state) if page.state else ("deletions",)
        return await self._page(index, page, self._deletions.get, fits, about)

    async def deliveries(self, page: Page) -> Listed[Delivery]:
        """Deliveries by the time they came; `state` is the verdict."""

        def fits(delivery: Delivery) -> bool:
            return page.source in (None, delivery.source) and page.state in (None, delivery.verdict)

        return await self._page(("deliveries",), page, self._deliveries.get, fits)

    async def open(self) -> list[Deletion]:
        """Deletions that had not ended at one moment: none is missed because it moved meanwhile."""
        async with self._store.redis.pipeline(transaction=True) as reads:
            for state in (QUEUED, RUNNING, *sorted(WAITING)):
                reads.zrevrange(self._store.key("deletions", state), 0, -1)
            names = cast("list[list[bytes]]", await reads.execute())
        return [await self._deletions.get(name.decode()) for each in names for name in each]

    async def by_day(
        self, begins: Sequence[datetime], states: Sequence[str]
    ) -> list[dict[str, int]]:
        """How many deletions were asked for in each of these days and are in these states now."""
        async with self._store.redis.pipeline(transaction=False) as reads:
            for begin in begins:
                for state in states:
                    index = self._store.key("deletions", state)
                    reads.zcount(index, to_ms(begin), f"({to_ms(begin + _DAY)}")
            counts = await reads.execute()
        rows = [counts[at : at + len(states)] for at in range(0, len(counts), len(states))]
        return [dict(zip(states, row, strict=True)) for row in rows]

    async def came_to(
        self, since: datetime, until: datetime
    ) -> Counter[tuple[str, str, bool, str]]:
        """How many deletions that were asked for in this time came to what.

        That is by source, state ("open" until it ends), whether it was a dry run, and the code of
        the first error.
        """
        index, end = self._store.key("deletions"), f"({to_ms(until)}"
        names = await self._store.redis.zrangebyscore(index, to_ms(since), end)
        counted = Counter[tuple[str, str, bool, str]]()
        for start in range(0, len(names), _AT_ONCE):
            rows = await self._store.run("count", *names[start : start + _AT_ONCE])
            for what, count in zip(rows[::2], rows[1::2], strict=True):
                source, state, dry_run, code = what.decode().split("\n")
                counted[source, state, bool(dry_run), code] += count
        return counted

    async def _page(
        self,
        index: tuple[str, ...],
        page: Page,
        read: Callable[[str], Awaitable[T]],
        fits: Callable[[T], bool],
        about: Sift | None = None,
    ) -> Listed[T]:
        most = self._most if about is None else min(self._most, _MOST_SIFTED)
        names = await self._store.redis.zrevrangebyscore(
            self._store.key(*index),
            f"({to_ms(page.until)}" if page.until else "+inf",
            to_ms(page.since) if page.since else "-inf",
            start=0,
            num=most,
            withscores=True,
        )
        found = groupby(cast("list[tuple[bytes, float]]", names), key=itemgetter(1))
        moments = [(moment, [name.decode() for name, _ in group]) for moment, group in found]
        complete = len(names) < most
        if not complete and len(moments) > 1:
            moments.pop()  # of which more may be left
        kept = None
        if about is not None:
            kept = await self._sifted([name for _, group in moments for name in group], about)
        records: list[T] = []
        for place, (moment, group) in enumerate(moments, start=1):
            for name in group:
                if kept is not None and name not in kept:
                    continue
                # Between the two reads retention may have removed it.
                with suppress(NotFound):
                    record = await read(name)
                    if fits(record):
                        records.append(record)
            if len(records) >= page.limit and not (complete and place == len(moments)):
                return Listed(records, from_ms(moment))
        return Listed(records, None if complete else from_ms(moments[-1][0]))

    async def _sifted(self, names: Sequence[str], about: Sift) -> set[str]:
        kept = set()
        for start in range(0, len(names), _AT_ONCE):
            chunk = names[start : start + _AT_ONCE]
            async with self._store.redis.pipeline(transaction=False) as reads:
                for name in chunk:
                    reads.hmget(self._store.key("deletion", name), *_SUBJECT)
                rows = cast("Iterable[list[bytes | None]]", await reads.execute())
            known = dict(zip(chunk, rows, strict=True))
            # Every deletion has a request: these are packed, or gone.
            other = [name for name, (request, *_) in known.items() if request is None]
            async with self._store.redis.pipeline(transaction=False) as reads:
                for name in other:
                    reads.hgetall(self._store.key("deletion", name))
                for name, raw in zip(other, await reads.execute(), strict=True):
                    fields, _ = record_of(raw)
                    known[name] = [fields[each].encode() if each in fields else None
                                   for each in _SUBJECT]  # fmt: skip
            kept |= {
                name
                for name, row in known.items()
                if row[0] is not None and about([name.encode(), *(each or b"" for each in row)])
            }
        return kept
