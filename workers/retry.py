"""When a failed attempt is made again: a decision that can be printed and tested."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from adapters.errors import UnglueError

_FIRST = timedelta(seconds=2)
_LONGEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """`at` is when to try again; `None` gives up. `why` is for the journal."""

    at: datetime | None
    why: str


def decide(
    error: UnglueError,
    *,
    attempt: int,
    max_attempts: int,
    now: datetime,
    random: Random,
    retry_after: float | None = None,
) -> RetryDecision:
    """What follows a failed attempt. `attempt` counts from 1; `retry_after` is in seconds.

    Back-off doubles from 2 s to 10 min with full jitter in its upper half, so that many deletions
    that failed together do not come back together. A server's `Retry-After` is a floor.
    """
    if not error.retryable:
        return RetryDecision(None, "permanent")
    if attempt >= max_attempts:
        return RetryDecision(None, f"all {max_attempts} attempts failed")
    ceiling = min(_FIRST * 2 ** (attempt - 1), _LONGEST)
    delay = ceiling * random.uniform(0.5, 1.0)
    if retry_after is not None:
        delay = max(delay, min(timedelta(seconds=retry_after), _LONGEST))
    return RetryDecision(now + delay, f"attempt {attempt} of {max_attempts} failed")
