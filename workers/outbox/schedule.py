"""When a callback is tried again: the schedule that Standard Webhooks recommends to senders."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

_SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
_LONGEST_RETRY_AFTER = timedelta(hours=24).total_seconds()
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a callback after an attempt."""

    state: Literal["delivered", "stopped", "dead", "pending"]
    at: datetime
    why: str


def after(
    *, status: int | None, attempt: int, retry_after: float | None, now: datetime, random: Random
) -> Next:
    """What follows attempt number `attempt` (from 1) that was answered with `status`.

    `None` is no answer. 410 says that nobody wants it any more. `retry_after` is in seconds.
    """
    if status is not None and 200 <= status < 300:
        return Next("delivered", now, "delivered")
    if status == 410:
        return Next("stopped", now, "the receiver answered 410: it wants no more")
    if attempt > len(_SCHEDULE):
        return Next("dead", now, f"{attempt} attempts failed")
    delay = _SCHEDULE[attempt - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
    if retry_after is not None:
        delay = max(delay, timedelta(seconds=min(retry_after, _LONGEST_RETRY_AFTER)))
    return Next("pending", now + delay, "no answer" if status is None else f"status {status}")
