"""The gates: every question that may forbid a deletion, each a pure function with a reason code.

All of them are always asked, so that a person sees every reason at once.
"""

from collections.abc import Callable

from workers.gates.absolute import my_glue_account, primary_organization, sub_organizations
from workers.gates.confirmation import confirmation
from workers.gates.dependencies import dependencies
from workers.gates.identity import psa_name
from workers.gates.idle import idle
from workers.gates.policy import (
    blocking_tags,
    eligible_statuses,
    eligible_types,
    only_ids,
    protected_ids,
    protected_names,
    protected_types,
    required_tags,
)
from workers.gates.protection import protection
from workers.gates.schedule import schedule_statuses
from workers.gates.standing import (
    act,
    client_active,
    declined,
    event,
    identity,
    proof,
    psa_links,
    trust,
)
from workers.gates.subject import Subject
from workers.gates.synced import psa_synced
from workers.plan import Answer

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
    """Every gate's answer, in order."""
    return tuple(gate(subject) for gate in GATES)
