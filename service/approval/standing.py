"""What is said of a deletion's approval and grace, in the API and on the page."""

from datetime import datetime, timedelta
from typing import Any

from workers.ledger.records import Deletion
from workers.pipeline.steps.grace import until
from workers.pipeline.terms import not_told_apart
from workers.settings import Settings


def approvers(deletion: Deletion, settings: Settings) -> list[str]:
    """The operators who may approve it, while it waits for that; as `deciding.approve` judges."""
    if not deletion.awaits_approval or not_told_apart(deletion, settings):
        return []
    return sorted(
        name
        for name, operator in settings.operators.items()
        if "approve" in operator.roles and name not in deletion.requesters
    )


def due_at(deletion: Deletion) -> datetime:
    """When something happens by itself: for an approval the end of its time, not the reminders."""
    if deletion.awaits_approval and deletion.asked is not None:
        return deletion.asked.until
    return deletion.ready_at


def approval(deletion: Deletion) -> dict[str, Any] | None:
    """What is asked, and what was said to it; `None` if nobody was ever asked."""
    asked, granted = deletion.asked, deletion.granted
    if asked is None:
        return None
    waits = deletion.awaits_approval
    return {
        "wanted": waits,
        "why": asked.why,
        "asked_at": asked.at,
        "until": asked.until,
        "digest": asked.seen if waits or granted else None,
        "needs_force_delete": asked.needs_force,
        "moved": list(asked.moved),
        "by": granted.by if granted else None,
        "at": granted.at if granted else None,
        "reason": (granted.reason or None) if granted else None,
        "force_delete": granted.force if granted else False,
    }


def grace_after(deletion: Deletion, settings: Settings) -> timedelta:
    """How long it would wait if it was approved when it was asked for."""
    if deletion.plan is None or deletion.asked is None:
        return timedelta()
    start = deletion.asked.at
    return max(until(deletion, deletion.plan, settings, start) - start, timedelta())
