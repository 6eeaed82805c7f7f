"""Whether somebody said that it stays."""

from workers.pipeline.gates.subject import Subject, answer
from workers.pipeline.plan import Answer


def protection(subject: Subject) -> Answer:
    """Organizations once protected, until an admin ends it, whatever the file says now."""
    held = subject.protection
    refusal = None
    if held is not None:
        refusal = (
            f"organization {held.org_id} is protected by {held.words}; an admin can end that: "
            f"unglue unprotect {held.org_id} --reason …"
        )
    return answer("protection", refusal)
