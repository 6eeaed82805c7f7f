"""What else is known of an organization: who acts on it already, and whether its client is back."""

from collections.abc import Collection, Iterable, Sequence
from typing import get_args

from adapters.clients import known_as
from adapters.models import PsaIntegration
from workers.events import bounded
from workers.gates.subject import comparable
from workers.itglue.models import Organization
from workers.ledger.records import Deletion


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


def clients_of(organization: Organization, sources: Iterable[str]) -> list[tuple[str, str]]:
    """Every (source, client) under which a sender may know this organization's client.

    Taking two clients for one can only keep a deletion from happening. The forms are those of the
    adapters: a PSA's own number, and `adapters.clients.known_as`.
    """
    numbers = tuple(organization.psa_ids or ())
    linked = (f"{kind}:{number}" for kind in get_args(PsaIntegration) for number in numbers)
    forms = (
        *numbers,
        *(form for link in linked for form in known_as(name=None, psa=link)),
        *known_as(name=organization.name, org=organization.id),
    )
    return [(source, bounded(form)) for source in sources for form in forms]


def standing(
    clients: Sequence[tuple[str, str]], registers: Sequence[tuple[str, str]]
) -> tuple[str | None, tuple[tuple[str, str, str], ...]]:
    """Why the client's registers forbid a request, and what has to stay as it is until the call."""
    for (source, client), (state, _) in zip(clients, registers, strict=True):
        if state == "active":
            return f"client_active: source {source} says that client {client} is active", ()
        if state == "cancelled":
            return f"cancelled_by_operator: client {client} of source {source}", ()
    watch = tuple(
        (source, client, epoch)
        for (source, client), (_, epoch) in zip(clients, registers, strict=True)
    )
    return None, watch


def acting(organization: Organization, deletions: Collection[Deletion]) -> str | None:
    """The deletion that means this organization already."""
    return next((each.id for each in deletions if acts_on(each, organization)), None)
