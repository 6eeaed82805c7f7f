"""Which requests were sent to IT Glue and how they were answered, for monitoring.

Counted in memory and written down when the work is over: a count must neither slow down nor fail a
DELETE. A process that is killed at work loses the few that it had not written down; the request
budget, which is about a limit, is counted before each request.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from redis.exceptions import RedisError

from workers.ledger.installation.budget import RequestBudget

# The kinds of paths that are asked for. A path ends in one, or in an id below one.
ENDPOINTS: Final = frozenset(
    {
        "activities",
        "attachments",
        "checklists",
        "configurations",
        "contacts",
        "document_folders",
        "documents",
        "domains",
        "expirations",
        "exports",
        "flexible_asset_types",
        "flexible_assets",
        "locations",
        "organization_statuses",
        "organization_types",
        "organizations",
        "passwords",
        "user_metrics",
    }
)
OTHER: Final = "other"
STATUSES: Final = ("2xx", "3xx", "4xx", "429", "5xx", "none")

log = structlog.get_logger()


def endpoint_of(path: str) -> str:
    """What kind of thing a path asks for: its last word that is one of `ENDPOINTS`."""
    words = [word for word in path.partition("?")[0].split("/") if word in ENDPOINTS]
    return words[-1] if words else OTHER


def status_of(status: int | None) -> str:
    """The class of a status, with 429 apart; "none" where no answer came."""
    if status is None:
        return "none"
    return "429" if status == 429 else f"{status // 100}xx"


class Tally:
    """The requests of one job."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()

    def answered(self, method: str, path: str, status: int | None) -> None:
        """One more was sent."""
        self.counts[method, endpoint_of(path), status_of(status)] += 1


@asynccontextmanager
async def counted_at_the_end(tally: Tally, budget: RequestBudget) -> AsyncIterator[None]:
    """Write the tally down once the work is over, however it ends."""
    try:
        yield
    finally:
        try:
            await budget.count(tally.counts)
        except (RedisError, OSError) as error:
            log.warning("requests_not_counted", error=type(error).__name__)
