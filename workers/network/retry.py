"""When a failed attempt is made again: a decision that can be printed and tested."""

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from adapters.errors import UnglueError

_FIRST = timedelta(seconds=2)
_LONGEST = timedelta(minutes=10)
_DOUBLINGS = 9  # beyond them the longest is reached


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
    ceiling = min(_FIRST * 2 ** min(attempt - 1, _DOUBLINGS), _LONGEST)
    delay = ceiling * random.uniform(0.5, 1.0)
    if retry_after is not None:
        delay = max(delay, timedelta(seconds=min(retry_after, _LONGEST.total_seconds())))
    return RetryDecision(now + delay, f"attempt {attempt} of {max_attempts} failed")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of `Retry-After` (RFC 9110, 10.2.3), or `None` if it is not there or unreadable.

    A date is compared with the answer's own `Date`, so no clock is needed. Names are lower case.
    """
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(value)
            seconds = (until - email.utils.parsedate_to_datetime(headers["date"])).total_seconds()
        except (KeyError, ValueError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
