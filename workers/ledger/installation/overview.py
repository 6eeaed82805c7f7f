"""How much there is of everything, at one moment: what `unglue status` shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workers.ledger.store import Store
from workers.pipeline.states import STATES
from workers.times.clock import from_ms, to_ms

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts. `oldest` is when the deletion that waits longest was asked for, by state.

    `begun` counts the deletions whose call was granted within the last 24 hours, which the daily
    limit is about; `overdue` what should have been handed out a minute ago.
    """

    deletions: Mapping[str, int]
    oldest: Mapping[str, datetime]
    begun: int
    overdue: int
    quarantined: int
    results_due: int


class Overviews:
    """Reads the counts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def days(self, begins: Sequence[datetime], states: Sequence[str]) -> list[dict[str, int]]:
        """How many deletions were asked for in each of these days and are in these states now."""
        async with self._store.redis.pipeline(transaction=False) as reads:
            for begin in begins:
                for state in states:
                    index = self._store.key("deletions", state)
                    reads.zcount(index, to_ms(begin), f"({to_ms(begin + _DAY)}")
            counts = await reads.execute()
        rows = [counts[at : at + len(states)] for at in range(0, len(counts), len(states))]
        return [dict(zip(states, row, strict=True)) for row in rows]

    async def now(self, now: datetime, sources: tuple[str, ...]) -> Overview:
        """The counts; none of them walks through records."""
        key = self._store.key
        async with self._store.redis.pipeline(transaction=True) as reads:
            for state in STATES:
                reads.zcard(key("deletions", state))
            for state in STATES:
                reads.zrange(key("deletions", state), 0, 0, withscores=True)
            reads.zcount(key("begun"), f"({to_ms(now - _DAY)}", "+inf")
            reads.zcount(key("due"), "-inf", to_ms(now - timedelta(minutes=1)))
            reads.zcard(key("callbacks", "due"))
            for source in sources:
                reads.hlen(key("quarantine", source))
            answers = await reads.execute()
        many = len(STATES)
        begun, overdue, results_due = answers[2 * many : 2 * many + 3]
        return Overview(
            deletions=dict(zip(STATES, answers[:many], strict=True)),
            oldest={
                state: from_ms(found[0][1])
                for state, found in zip(STATES, answers[many : 2 * many], strict=True)
                if found
            },
            begun=begun,
            overdue=overdue,
            quarantined=sum(answers[2 * many + 3 :]),
            results_due=results_due,
        )
