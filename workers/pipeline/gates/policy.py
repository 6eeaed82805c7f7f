"""What `[policy]` allows to be deleted, and what a schedule or a request adds to it."""

from datetime import timedelta

from adapters.counting import counted
from adapters.likeness import drawn, likeness
from workers.pipeline.gates.patterns import protects
from workers.pipeline.gates.subject import Subject, answer, refusing
from workers.pipeline.identity.tags import is_tagged, tags_of
from workers.pipeline.plan import Answer
from workers.times.clock import moment, rfc3339

_TYPE = "organization-type-name"


@refusing
def only_ids(subject: Subject) -> str | None:
    """A pilot: nothing but the listed organizations."""
    allowed = subject.policy.only_ids
    if allowed and subject.organization.id not in allowed:
        return f"organization {subject.organization.id} is not in policy.only_ids"
    return None


@refusing
def protected_ids(subject: Subject) -> str | None:
    """Organizations that stay, by id."""
    if subject.organization.id in subject.policy.protected_ids:
        return f"organization {subject.organization.id} is in policy.protected_ids"
    return None


@refusing
def protected_names(subject: Subject) -> str | None:
    """Organizations that stay, by shell pattern; compared loosely."""
    name = subject.organization.name
    hit = next((each for each in subject.policy.protected_names if protects(each, name)), None)
    if hit is not None:
        return f"its name matches {hit!r} in policy.protected_names"
    return None


@refusing
def protected_types(subject: Subject) -> str | None:
    """Organizations that stay, by type; compared loosely."""
    if subject.policy.protected_types and _TYPE in subject.organization.unstated:
        return "IT Glue does not state its type, which may be one of policy.protected_types"
    own = drawn(likeness(subject.organization.type or ""))
    if own and own in {drawn(likeness(each)) for each in subject.policy.protected_types}:
        return f"its type {subject.organization.type!r} is in policy.protected_types"
    return None


def eligible_statuses(subject: Subject) -> Answer:
    """The organization's status. It follows the PSA's at the next sync, so it may lag.

    It permits, so it is compared exactly; as the type that permits is.
    """
    allowed = subject.policy.eligible_statuses
    refusal = None
    if subject.policy.mode != "soft_delete" and allowed:
        status = subject.organization.status
        if status not in allowed:
            wanted = " or ".join(repr(name) for name in allowed)
            refusal = f"its status in IT Glue is {status!r}, and must be {wanted}"
    return answer("eligible_statuses", refusal, lags=True)


@refusing
def eligible_types(subject: Subject) -> str | None:
    """The organization's type."""
    allowed = subject.policy.eligible_types
    if allowed and subject.organization.type not in allowed:
        wanted = " or ".join(repr(name) for name in allowed)
        return f"its type in IT Glue is {subject.organization.type!r}, and must be {wanted}"
    return None


@refusing
def required_tags(subject: Subject) -> str | None:
    """Every tag that must be there, exactly: what only resembles it permits nothing."""
    tags = tags_of(subject.organization)
    missing = [tag for tag in subject.policy.required_tags if tag.casefold() not in tags]
    if missing:
        return (
            f"{' '.join(missing)} is missing; write it into the organization's quick notes, "
            "alert or description in IT Glue"
        )
    return None


@refusing
def blocking_tags(subject: Subject) -> str | None:
    """Any tag that forbids, in any spelling."""
    found = [tag for tag in subject.policy.blocking_tags if is_tagged(subject.organization, tag)]
    if found:
        return f"it is tagged {' '.join(found)} in IT Glue"
    # Not to be told of a text is not to know that there is none.
    unstated = [each for each in subject.organization.unstated if each != _TYPE]
    if unstated:
        return f"IT Glue does not state its {', '.join(unstated)}, where a tag may stand"
    return None


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


@refusing
def schedule_statuses(subject: Subject) -> str | None:
    """The status by which its schedule selected it; types, tags and idle time are the policy's.

    `terms` narrows the policy for a schedule's deletion. The policy's own statuses are not asked
    where a status is only set; a schedule's are.
    """
    schedule, organization = subject.schedule, subject.organization
    policy = subject.policy
    if schedule is not None and schedule.statuses:
        # Once it is set the answer must not forbid to see it.
        is_set = policy.mode == "soft_delete" and organization.status == policy.soft_delete_status
        if organization.status not in schedule.statuses and not is_set:
            wanted = " or ".join(repr(name) for name in schedule.statuses)
            return (
                f"its status in IT Glue is {organization.status!r}, and its schedule looks for "
                f"{wanted}"
            )
    return None


@refusing
def confirmation(subject: Subject) -> str | None:
    """A deletion that would act needs a confirmation; a dry run does not.

    Who approves confirms.
    """
    request = subject.request
    previews = request.dry_run or subject.policy.mode == "preview"
    if request.confirm_delete or previews or subject.asks:
        return None
    if subject.by_webhook:
        return "nobody confirmed it: its source has confirm_delete = false and no approval is asked"
    return "confirm_delete is false; ask again with confirm_delete"
