"""What `[policy]` allows to be deleted."""

from adapters.likeness import drawn, likeness
from workers.pipeline.gates.patterns import protects
from workers.pipeline.gates.subject import Subject, answer, refusing
from workers.pipeline.identity.tags import is_tagged, tags_of
from workers.pipeline.plan import Answer


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
    return None
