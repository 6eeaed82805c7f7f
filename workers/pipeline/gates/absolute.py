"""What is never deleted, whatever the configuration or `force_delete`."""

from workers.pipeline.gates.subject import Subject, refusing


@refusing
def primary_organization(subject: Subject) -> str | None:
    """The MSP's own organization, be it only by the list of the whole account."""
    account = subject.inventory.account
    if subject.organization.primary or (account and account.primary == subject.organization.id):
        return "this is the account's primary organization; it is never deleted"
    return None


@refusing
def sub_organizations(subject: Subject) -> str | None:
    """What IT Glue does to organizations below a deleted one is not documented."""
    below = subject.inventory.sub_organizations
    if below is None:
        return "whether it has sub-organizations could not be read; see the warnings"
    if below:
        shown = ", ".join(below[:5]) + (" …" if len(below) > 5 else "")
        return (
            f"it has {len(below)} sub-organization(s): {shown}; "
            "delete or move them in IT Glue first"
        )
    return None


@refusing
def my_glue_account(subject: Subject) -> str | None:
    """People outside the MSP use a MyGlue account."""
    if subject.organization.my_glue_account_id is not None:
        return "it has a MyGlue account; close that account in IT Glue first"
    return None
