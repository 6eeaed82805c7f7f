"""What is never deleted, whatever the configuration or `force_delete`."""

from workers.pipeline.gates.subject import Subject, answer
from workers.pipeline.plan import Answer


def primary_organization(subject: Subject) -> Answer:
    """The MSP's own organization."""
    refusal = None
    if subject.organization.primary:
        refusal = "this is the account's primary organization; it is never deleted"
    return answer("primary_organization", refusal)


def sub_organizations(subject: Subject) -> Answer:
    """What IT Glue does to organizations below a deleted one is not documented."""
    below = subject.inventory.sub_organizations
    if below is None:
        refusal = "whether it has sub-organizations could not be read; see the warnings"
    elif below:
        shown = ", ".join(below[:5]) + (" …" if len(below) > 5 else "")
        refusal = (
            f"it has {len(below)} sub-organization(s): {shown}; "
            "delete or move them in IT Glue first"
        )
    else:
        refusal = None
    return answer("sub_organizations", refusal)


def my_glue_account(subject: Subject) -> Answer:
    """People outside the MSP use a MyGlue account."""
    refusal = None
    if subject.organization.my_glue_account_id is not None:
        refusal = "it has a MyGlue account; close that account in IT Glue first"
    return answer("my_glue_account", refusal)
