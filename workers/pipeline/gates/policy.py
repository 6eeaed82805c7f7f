"""What `[policy]` allows to be deleted."""

from adapters.likeness import likeness
from workers.pipeline.gates.patterns import protects
from workers.pipeline.gates.subject import Subject, answer
from workers.pipeline.identity.tags import is_tagged, tags_of
from workers.pipeline.plan import Answer


def only_ids(subject: Subject) -> Answer:
    """A pilot: nothing but the listed organizations."""
    allowed = subject.policy.only_ids
    refusal = None
    if allowed and subject.organization.id not in allowed:
        refusal = f"organization {subject.organization.id} is not in policy.only_ids"
    return answer("only_ids", refusal)


def protected_ids(subject: Subject) -> Answer:
    """Organizations that stay, by id."""
    refusal = None
    if subject.organization.id in subject.policy.protected_ids:
        refusal = f"organization {subject.organization.id} is in policy.protected_ids"
    return answer("protected_ids", refusal)


def protected_names(subject: Subject) -> Answer:
    """Organizations that stay, by shell pattern; compared loosely."""
    name = subject.organization.name
    hit = next((each for each in subject.policy.protected_names if protects(each, name)), None)
    refusal = None
    if hit is not None:
        refusal = f"its name matches {hit!r} in policy.protected_names"
    return answer("protected_names", refusal)


def protected_types(subject: Subject) -> Answer:
    """Organizations that stay, by type; compared loosely."""
    refusal = None
    own = likeness(subject.organization.type or "")
    if own and own in {likeness(each) for each in subject.policy.protected_types}:
        refusal = f"its type {subject.organization.type!r} is in policy.protected_types"
    return answer("protected_types", refusal)


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


def eligible_types(subject: Subject) -> Answer:
    """The organization's type."""
    allowed = subject.policy.eligible_types
    refusal = None
    if allowed and subject.organization.type not in allowed:
        wanted = " or ".join(repr(name) for name in allowed)
        refusal = f"its type in IT Glue is {subject.organization.type!r}, and must be {wanted}"
    return answer("eligible_types", refusal)


def required_tags(subject: Subject) -> Answer:
    """Every tag that must be there, exactly: what only resembles it permits nothing."""
    tags = tags_of(subject.organization)
    missing = [tag for tag in subject.policy.required_tags if tag.casefold() not in tags]
    refusal = None
    if missing:
        refusal = (
            f"{' '.join(missing)} is missing; write it into the organization's quick notes, "
            "alert or description in IT Glue"
        )
    return answer("required_tags", refusal)


def blocking_tags(subject: Subject) -> Answer:
    """Any tag that forbids, in any spelling."""
    found = [tag for tag in subject.policy.blocking_tags if is_tagged(subject.organization, tag)]
    refusal = None
    if found:
        refusal = f"it is tagged {' '.join(found)} in IT Glue"
    return answer("blocking_tags", refusal)
