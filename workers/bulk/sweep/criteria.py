"""Whether one organization is what a schedule looks for: pure, with every reason why not.

The gates of the policy are asked, on what a list shows, with the schedule's criteria beside the
policy's. So a sweep requests nothing that the same gates would refuse at once; what hangs on the
organization is counted by its deletion.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from adapters.models import DeletionRequest
from workers.itglue.models import Inventory, Organization
from workers.ledger.deleting.protections import Protection
from workers.pipeline.gates import GATES
from workers.pipeline.gates.absolute import sub_organizations
from workers.pipeline.gates.dependencies import dependencies
from workers.pipeline.gates.policy import confirmation
from workers.pipeline.gates.subject import Subject
from workers.pipeline.plan import Activity
from workers.settings.policy import PolicySettings
from workers.settings.schedules import Schedule

# What a list does not show, and what only a deletion is asked.
_LATER = {sub_organizations, dependencies, confirmation}
_GATES = tuple(gate for gate in GATES if gate not in _LATER)
# Of a list nobody knows the activity; the record's own last change is known.
_UNKNOWN = Activity(read=True)


def narrowed(policy: PolicySettings, schedule: Schedule) -> PolicySettings:
    """The policy with the schedule's criteria: nothing that it forbids is let through."""
    soft = policy.mode == "soft_delete"
    own = () if soft else policy.eligible_statuses
    return policy.model_copy(
        update={
            # In soft_delete mode the gate asks no status, and a schedule's own is meant.
            "mode": "delete",
            "eligible_statuses": _both(schedule.statuses, own),
            "eligible_types": _both(schedule.types, policy.eligible_types),
            "required_tags": (*policy.required_tags, *schedule.required_tags),
            "min_idle_days": max(policy.min_idle_days, schedule.idle_days),
        }
    )


def _both(mine: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    """What both allow; empty allows all. Settings see to it that both share something."""
    if mine and theirs:
        return tuple(each for each in mine if each in theirs)
    return mine or theirs


def unmet(
    organization: Organization,
    schedule: Schedule,
    policy: PolicySettings,
    now: datetime,
    *,
    protected: Protection | None = None,
    activity: Activity = _UNKNOWN,
    psa_sources: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Why the organization is not looked for, each as `gate: message`; empty: it is."""
    subject = Subject(
        request=DeletionRequest(org_id=organization.id),
        organization=organization,
        inventory=Inventory(),
        policy=narrowed(policy, schedule),
        now=now,
        activity=activity,
        protection=protected,
        psa_sources=psa_sources,
    )
    answers = [gate(subject) for gate in _GATES]
    refusals = [f"{each.gate}: {each.message}" for each in answers if each.verdict == "refuse"]
    if policy.mode == "soft_delete" and organization.status == policy.soft_delete_status:
        refusals.append(f"soft_delete_status: its status is {organization.status!r} already")
    return tuple(refusals)


def allowed(schedule: Schedule, looked_at: int) -> int:
    """How many of so many organizations may be candidates; more mean a fault."""
    return min(schedule.limit, max(_SMALL, int(schedule.max_share * looked_at)))


_SMALL = 5
