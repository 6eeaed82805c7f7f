"""Whether a PSA would create the organization anew."""

from workers.pipeline.gates.subject import Subject, refusing

# KB "Syncing between IT Glue and PSAs": the PSA wins, and a record of a syncing type and status is
# created at the next sync. Which attribute tells that a link is still synced is not documented.
ADVICE = (
    "linked to a PSA: if it is still synced IT Glue refuses the deletion, or creates it again with "
    "the next sync; make the company inactive in the PSA, or stop its sync, first"
)


@refusing
def psa_synced(subject: Subject) -> str | None:
    """A PSA link is warned of, and blocks only with `block_psa_synced`."""
    blocks = subject.policy.block_psa_synced and bool(subject.organization.psa_ids)
    return f"it is {ADVICE}" if blocks else None
