"""What a schedule looks for is asked of its deletions until the call."""

from workers.pipeline.gates.subject import Subject, refusing


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
