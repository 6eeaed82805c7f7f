"""What the policy forbade when the deletion was planned first, and does not forbid any more."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from workers.pipeline.gates.dependencies import dependencies
from workers.pipeline.gates.policy import (
    blocking_tags,
    eligible_statuses,
    eligible_types,
    idle,
    only_ids,
    protected_ids,
    protected_names,
    protected_types,
    required_tags,
)
from workers.pipeline.gates.subject import Subject, ask
from workers.pipeline.gates.synced import psa_synced
from workers.pipeline.plan import Answer
from workers.settings.policy import PolicySettings

# What these gates go by, a schedule's criteria among it, as far as they are the policy's.
_SETTINGS: Final = (
    "only_ids", "protected_ids", "protected_names", "protected_types", "eligible_statuses",
    "eligible_types", "required_tags", "blocking_tags", "min_idle_days", "block_psa_synced",
    "dependency_limits",
)  # fmt: skip
_GATES: Final = (
    only_ids, protected_ids, protected_names, protected_types, eligible_statuses, eligible_types,
    required_tags, blocking_tags, idle, psa_synced, dependencies,
)  # fmt: skip


def forbids(policy: PolicySettings) -> dict[str, Any]:
    """By what the policy forbids, as it is kept with a first plan."""
    return {name: getattr(policy, name) for name in _SETTINGS}


def _kept(then: Mapping[str, Any]) -> dict[str, Any]:
    return {name: then[name] for name in _SETTINGS if name in then}


def _refusals(subject: Subject) -> list[Answer]:
    return [each for each in (gate(subject) for gate in _GATES) if each.verdict == "refuse"]


def loosened(subject: Subject) -> Answer:
    """Whoever asked did so under the policy of then: what only that of now lets go, a person must.

    What that of then lets go as well is none of this, however the policy changed.
    """
    if not subject.policy_then:
        return ask("loosened", "")
    policy = subject.policy.model_copy(update=_kept(subject.policy_then))
    now = {each.gate for each in _refusals(subject)}
    words = [
        each.message for each in _refusals(replace(subject, policy=policy)) if each.gate not in now
    ]
    return ask(
        "loosened",
        f"the policy was stricter when this was planned first: {'; '.join(words)}" if words else "",
    )
