"""Grace: time in which a person or a reactivation can still stop what is decided.

It begins when nothing else is missing and runs once for one meaning of the request: another
organization begins it anew, another count does not.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from workers.ledger.deleting.deletions import Change
from workers.ledger.records import Deletion
from workers.pipeline.plan import Plan
from workers.pipeline.states import SCHEDULED
from workers.pipeline.steps.outcome import wait
from workers.settings import Settings
from workers.times.clock import rfc3339, to_ms

# For what no person asked for, if the policy says nothing: a click in the PSA is not final at once.
UNASKED: Final = timedelta(hours=24)


def period(deletion: Deletion, settings: Settings) -> timedelta:
    """How long: the longest of the policy's minimum, its source's, and that of the first plan."""
    least = settings.policy.grace_period
    if least is None:
        least = timedelta() if deletion.by_request else UNASKED
    source = settings.sources.get(deletion.source) if deletion.by_webhook else None
    then = timedelta(seconds=(deletion.policy_then or {}).get("grace", 0))
    return max(least, source.grace_period if source else timedelta(), then)


def until(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> datetime:
    """When it ends, or would end if it began now. What was promised is never cut short."""
    length = period(deletion, settings)
    begun = deletion.grace
    if begun is None or begun.of != plan.meaning:
        return now + length
    return max(begun.until, begun.since + length)


def begin(
    deletion: Deletion, plan: Plan, settings: Settings, now: datetime, *journal: Mapping[str, Any]
) -> Change:
    """Wait until it ends, then plan again."""
    end = until(deletion, plan, settings, now)
    begun = deletion.grace
    since = begun.since if begun is not None and begun.of == plan.meaning else now
    line = {"entry": "scheduled", "until": rfc3339(end)}
    fields: dict[str, str | int] = {
        "grace_of": plan.meaning,
        "grace_from": to_ms(since),
        "grace_until": to_ms(end),
        "grace_generation": deletion.generation,
    }
    return wait(SCHEDULED, "plan", end, *journal, line, **fields)
