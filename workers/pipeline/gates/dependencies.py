"""What hangs on the organization and would be lost with it."""

from adapters.counting import counted
from workers.pipeline.gates.subject import Subject
from workers.pipeline.plan import Answer

LABELS = {"assets": "flexible assets", "configs": "configurations"}


def held(kind: str, count: int | None) -> str:
    """So many records of a kind, as people call them; `?` where they could not be counted."""
    label = LABELS.get(kind, kind.replace("_", " "))
    return f"? {label}" if count is None else counted(count, label)


def dependencies(subject: Subject) -> Answer:
    """More records of a kind than its limit, or a limited kind that could not be counted.

    The only gate that `force_delete` passes, asked for with the request or granted by an approver.
    """
    counts = subject.inventory.counts
    over, unknown = [], []
    for kind, limit in subject.policy.dependency_limits.items():
        if limit is None:
            continue
        count = counts.get(kind)
        if count is None:
            unknown.append(LABELS.get(kind, kind.replace("_", " ")))
        elif count > limit:
            over.append(f"{held(kind, count)} (limit {limit})")
    faults = []
    if over:
        faults.append("it still holds " + ", ".join(over))
    if unknown:
        faults.append("could not count " + ", ".join(unknown))
    if not faults:
        return Answer(gate="dependencies", verdict="pass")
    if subject.request.force_delete or subject.forced:
        return Answer(gate="dependencies", verdict="forced", message="; ".join(faults))
    return Answer(
        gate="dependencies",
        verdict="refuse",
        message="; ".join(faults) + "; move what is needed, or ask with force_delete",
    )
