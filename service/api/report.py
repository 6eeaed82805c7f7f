"""What Unglue did in a month: counts by source, outcome and error code."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from workers.ledger.ledger import Ledger
from workers.ledger.packing import REHEARSED
from workers.ledger.store import Store
from workers.pipeline.states import TERMINAL
from workers.times.clock import to_ms

_AT_ONCE: Final = 500
_FIELDS: Final = ("source", "state", "mode", "request", "errors", REHEARSED)


@dataclass(frozen=True, slots=True)
class Row:
    """So many deletions of this source came to this; open ones have no `code`."""

    source: str
    outcome: str
    dry_run: bool
    code: str
    count: int


def month_of(text: str) -> tuple[datetime, datetime]:
    """The first moments of a month (`2026-11`) and of the next, in UTC. Raises ValueError."""
    first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    following = (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)
    return first, datetime(*following, 1, tzinfo=UTC)


async def report(ledger: Ledger, since: datetime, until: datetime) -> list[Row]:
    """Deletions that were asked for in this time, as they stand now."""
    counted: Counter[tuple[str, str, bool, str]] = Counter()
    async for fields in _asked_for(ledger.store, since, until):
        counted[_counted_as(*fields)] += 1
    return [Row(*key, count) for key, count in sorted(counted.items())]


def _counted_as(
    source: str, state: str, mode: str, request: str, errors: str, rehearsed: str
) -> tuple[str, str, bool, str]:
    found = json.loads(errors or "[]")
    dry_run = mode == "preview" or bool(rehearsed or json.loads(request or "{}").get("dry_run"))
    return (
        source,
        state if state in TERMINAL else "open",
        dry_run,
        found[0]["code"] if found else "",
    )


async def _asked_for(
    store: Store, since: datetime, until: datetime
) -> AsyncIterator[tuple[str, str, str, str, str, str]]:
    """The few fields that are counted of each: whole records take a minute for a busy month."""
    index = store.key("deletions")
    names = cast(
        "list[bytes]",
        await store.redis.zrangebyscore(index, to_ms(since), f"({to_ms(until)}"),
    )
    for start in range(0, len(names), _AT_ONCE):
        async with store.redis.pipeline(transaction=False) as reads:
            for name in names[start : start + _AT_ONCE]:
                reads.hmget(store.key("deletion", name.decode()), *_FIELDS)
            for fields in await reads.execute():
                # Between the two reads retention may have removed it.
                if fields[0] is not None:
                    source, state, mode, request, errors, rehearsed = (
                        (each or b"").decode() for each in fields
                    )
                    yield source, state, mode, request, errors, rehearsed
