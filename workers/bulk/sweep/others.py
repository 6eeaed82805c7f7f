"""What else is known of an organization: who acts on it already, and whether its client is back."""

from collections.abc import Collection

from workers.itglue.models import Organization
from workers.ledger.deleting.registers import Standing
from workers.ledger.records import Deletion
from workers.pipeline.identity.naming import comparable


def acts_on(deletion: Deletion, organization: Organization) -> bool:
    """Whether a deletion means this organization, as far as can be told before it is planned."""
    request = deletion.request
    if deletion.plan is not None:
        return deletion.plan.organization.id == organization.id
    if request.psa is not None:
        return request.psa.company_id in (organization.psa_ids or ())
    if request.org_id is not None:
        return request.org_id == organization.id
    return comparable(request.org_name or "") == comparable(organization.name)


def standing(known: Standing) -> tuple[str | None, tuple[tuple[str, str, str, str], ...]]:
    """Why what is known of its client forbids a request, and what it was."""
    for register in known.registers:
        if register.active:
            return f"client_active: {register.words}", ()
        if register.state == "cancelled":
            who = f"client {register.client} of source {register.source}"
            return f"cancelled_by_operator: {who}", ()
    for no in known.noes:
        return f"declined: {no.words}", ()
    return None, tuple(register.watched() for register in known.registers)


def acting(organization: Organization, deletions: Collection[Deletion]) -> str | None:
    """The deletion that means this organization already."""
    return next((each.id for each in deletions if acts_on(each, organization)), None)
