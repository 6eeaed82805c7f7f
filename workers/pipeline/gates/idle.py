"""Whether people still use the organization."""

from datetime import timedelta

from adapters.counting import counted
from workers.pipeline.gates.subject import Subject, answer
from workers.pipeline.plan import Answer
from workers.times.clock import moment, rfc3339


def idle(subject: Subject) -> Answer:
    """`min_idle_days` without activity in the user metrics and without a change of its record."""
    days = subject.policy.min_idle_days
    if days == 0:
        return answer("min_idle_days", None)
    if subject.activity is None or not subject.activity.read:
        return answer("min_idle_days", "its last activity could not be read; see the warnings")
    seen = (subject.activity.newest, moment(subject.organization.updated_at))
    newest = max((known for known in seen if known is not None), default=None)
    refusal = None
    if newest is not None and subject.now - newest < timedelta(days=days):
        few = counted(days, "days")
        refusal = f"it was last used or changed at {rfc3339(newest)}, less than {few} ago"
    return answer("min_idle_days", refusal)
