"""Whether somebody said that it stays."""

from workers.pipeline.gates.subject import Subject, refusing


@refusing
def protection(subject: Subject) -> str | None:
    """Organizations once protected, until an admin ends it, whatever the file says now."""
    held = subject.protection
    if held is not None:
        return (
            f"organization {held.org_id} is protected by {held.words}; an admin can end that: "
            f"unglue unprotect {held.org_id} --reason …"
        )
    return None
