"""What Unglue did in a month: counts by source, outcome and error code."""

from dataclasses import dataclass
from datetime import UTC, datetime

from workers.ledger.ledger import Ledger


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
    counted = await ledger.listing.came_to(since, until)
    return [Row(*what, count) for what, count in sorted(counted.items())]
