"""Whether people still use the organization."""

from datetime import datetime, timedelta

from workers.clock import rfc3339
from workers.gates.subject import Subject, answer
from workers.plan import Answer


def _updated_at(subject: Subject) -> datetime | None:
    text = subject.organization.updated_at
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def idle(subject: Subject) -> Answer:
    """`min_idle_days` without activity in the user metrics and without a change of its record."""
    days = subject.policy.min_idle_days
    if days == 0:
        return answer("min_idle_days", None)
    if subject.activity is None or not subject.activity.read:
        return answer("min_idle_days", "its last activity could not be read; see the warnings")
    known = [moment for moment in (subject.activity.newest, _updated_at(subject)) if moment]
    newest = max(known, default=None)
    refusal = None
    if newest is not None and subject.now - newest < timedelta(days=days):
        refusal = f"it was last used or changed at {rfc3339(newest)}, less than {days} days ago"
    return answer("min_idle_days", refusal)
