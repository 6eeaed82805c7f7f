"""What Unglue did in a month: counts by source, outcome and error code."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workers.ledger.ledger import Ledger
from workers.ledger.listing import Page
from workers.ledger.records import Deletion

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Row:
    """So many deletions of this source came to this; `dry_run` ones are counted apart."""

    source: str
    outcome: str
    dry_run: bool
    code: str
    count: int

    def plain(self) -> dict[str, Any]:
        """As JSON values; open ones have no code."""
        return {
            "source": self.source,
            "outcome": self.outcome,
            "dry_run": self.dry_run,
            "code": self.code or None,
            "count": self.count,
        }


def month_of(text: str) -> tuple[datetime, datetime]:
    """The first moment of a month (`2026-11`), and that of the next one, in UTC.

    Raises:
        ValueError: it is no month.
    """
    first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    following = (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)
    return first, datetime(*following, 1, tzinfo=UTC)


async def report(ledger: Ledger, since: datetime, until: datetime) -> list[Row]:
    """Deletions that were asked for in this time, as they stand now."""
    counted: Counter[tuple[str, str, bool, str]] = Counter()
    async for deletion in _asked_for(ledger, since, until):
        code = deletion.errors[0].code if deletion.errors else ""
        outcome = deletion.state if deletion.terminal else "open"
        counted[deletion.source, outcome, deletion.dry_run, code] += 1
    return [Row(*key, count) for key, count in sorted(counted.items())]


async def _asked_for(ledger: Ledger, since: datetime, until: datetime) -> AsyncIterator[Deletion]:
    before: datetime | None = until
    while before is not None:
        listed = await ledger.listing.deletions(Page(_PAGE, since=since, until=before))
        for deletion in listed.records:
            yield deletion
        before = listed.next_until
