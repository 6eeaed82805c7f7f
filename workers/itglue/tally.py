"""What a job did, for monitoring: its requests to IT Glue with their answers, its steps' times.

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
# In seconds; a step of many requests takes minutes where the budget is short.
BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)
ABOVE: Final = "+Inf"
SUM: Final = "sum"
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


def bucket_of(seconds: float) -> str:
    """The bound of the first bucket that a duration is in."""
    return next((str(bound) for bound in BUCKETS if seconds <= bound), ABOVE)


class Tally:
    """The requests and the steps of one job.

    `steps` counts by step and bucket, and has under `SUM` the milliseconds of all of a step.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.steps: Counter[tuple[str, ...]] = Counter()

    def answered(self, method: str, path: str, status: int | None) -> None:
        """One more was sent."""
        self.counts[method, endpoint_of(path), status_of(status)] += 1

    def stepped(self, step: str, seconds: float) -> None:
        """One more step was done. A clock that was set back made it take no time."""
        seconds = max(seconds, 0.0)
        self.steps[step, bucket_of(seconds)] += 1
        self.steps[step, SUM] += round(seconds * 1000)


@asynccontextmanager
async def counted_at_the_end(tally: Tally, budget: RequestBudget) -> AsyncIterator[None]:
    """Write the tally down once the work is over, however it ends."""
    try:
        yield
    finally:
        try:
            await budget.count(tally.counts, tally.steps)
        except (RedisError, OSError) as error:
            log.warning("work_not_counted", error=type(error).__name__)
