"""The gates: every question that may forbid a deletion, each a pure function with a reason code.

All of them are always asked, so that a person sees every reason at once.
"""

from collections.abc import Callable

from workers.pipeline.gates.absolute import my_glue_account, primary_organization, sub_organizations
from workers.pipeline.gates.dependencies import dependencies
from workers.pipeline.gates.loosened import loosened
from workers.pipeline.gates.policy import (
    blocking_tags,
    confirmation,
    eligible_statuses,
    eligible_types,
    idle,
    only_ids,
    protected_ids,
    protected_names,
    protected_types,
    required_tags,
    schedule_statuses,
)
from workers.pipeline.gates.standing import (
    act,
    client_active,
    declined,
    event,
    identity,
    proof,
    protection,
    psa_links,
    psa_name,
    psa_says,
    trust,
)
from workers.pipeline.gates.subject import Subject
from workers.pipeline.gates.synced import psa_synced
from workers.pipeline.plan import Answer

__all__ = ["GATES", "judge", "psa_says"]

Gate = Callable[[Subject], Answer]

GATES: tuple[Gate, ...] = (
    primary_organization,
    sub_organizations,
    my_glue_account,
    psa_name,
    proof,
    identity,
    psa_links,
    client_active,
    event,
    declined,
    trust,
    act,
    loosened,
    protection,
    only_ids,
    protected_ids,
    protected_names,
    protected_types,
    eligible_statuses,
    eligible_types,
    required_tags,
    blocking_tags,
    idle,
    psa_synced,
    schedule_statuses,
    dependencies,
    confirmation,
)


def judge(subject: Subject) -> tuple[Answer, ...]:
    """Every gate's answer, in order; that of a PSA only where one was asked."""
    gates = (*GATES, psa_says) if subject.said else GATES
    return tuple(gate(subject) for gate in gates)
