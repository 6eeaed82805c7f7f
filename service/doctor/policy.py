"""What `[policy]` names and the account does not have: mostly a word that was written wrongly."""

from collections.abc import Sequence

from adapters.errors import ITGlueError
from adapters.likeness import likeness
from workers.itglue.client import ITGlue
from workers.itglue.models import Organization
from workers.pipeline.gates.patterns import protects
from workers.settings.policy import PolicySettings


def idle(policy: PolicySettings, organizations: Sequence[Organization]) -> tuple[str, ...]:
    """A line for each pattern, type and id of the policy that means no organization."""
    ids = {each.id for each in organizations}
    types = {each.type for each in organizations if each.type}
    loose = {likeness(each) for each in types}
    unmet = {
        "protected_names": [
            pattern
            for pattern in policy.protected_names
            if not any(protects(pattern, each.name) for each in organizations)
        ],
        "protected_types": [it for it in policy.protected_types if likeness(it) not in loose],
        "eligible_types": [it for it in policy.eligible_types if it not in types],
        "protected_ids": [it for it in policy.protected_ids if it not in ids],
        "only_ids": [it for it in policy.only_ids if it not in ids],
    }
    return tuple(
        f"policy.{setting}: {given!r} means no organization of the account"
        for setting, missing in unmet.items()
        for given in missing
    )


async def idle_safeguards(itglue: ITGlue, policy: PolicySettings) -> tuple[str, ...]:
    """The same of the account itself, which is read only if something of the kind is set."""
    if not any(
        (
            policy.protected_names,
            policy.protected_types,
            policy.eligible_types,
            policy.protected_ids,
            policy.only_ids,
        )
    ):
        return ()
    try:
        organizations = [each async for each in itglue.organizations()]
    except ITGlueError as error:
        return (f"nobody knows whether its safeguards mean anything: {error.message}",)
    return idle(policy, organizations)
