"""By what any source may know the client of an organization, and a person's no. Pure.

Taking two clients for one can only keep a deletion from happening; what ends a no asks for more
(`strangers`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, get_args

from adapters.clients import folded_number, known_as
from adapters.models import DeletionRequest, PsaIntegration
from workers.itglue.models import Organization

Client = tuple[str, str]
_MAX_ID: Final = 200


def bounded(identifier: str) -> str:
    """An identifier short enough for a key: itself, or its hash."""
    if len(identifier) <= _MAX_ID:
        return identifier
    return "sha256:" + hashlib.sha256(identifier.encode(errors="replace")).hexdigest()


def _links(numbers: Iterable[str]) -> list[str]:
    return [f"{kind}:{number}" for kind in get_args(PsaIntegration) for number in numbers]


def clients_of(organization: Organization, sources: Iterable[str]) -> list[Client]:
    """Every (source, client) under which a sender may know this organization's client.

    The forms are those of the adapters: a PSA's own number, and `adapters.clients.known_as`.
    """
    numbers = tuple(organization.psa_ids or ())
    forms = dict.fromkeys((*numbers, *map(folded_number, numbers), *known_as_all(organization)))
    return [(source, bounded(form)) for source in sources for form in forms]


def strangers(
    organization: Organization, sources: Iterable[str], kinds: Mapping[str, str]
) -> frozenset[Client]:
    """Those of them that may share no more than a number with a linked company, in another PSA.

    `kinds`: the sources of PSAs, each with its integration type. Where IT Glue does not say whose
    a link is, it is that of the only PSA, or nobody knows.
    """
    numbers = organization.psa_ids or ()
    types = organization.psa_types or ("",) * len(numbers)
    if not all(types) and len(set(kinds.values())) < 2:
        return frozenset()
    stated = {f"{kind}:{number}" for kind, number in zip(types, numbers, strict=True)}
    others = [link for link in _links(numbers) if link not in stated]
    forms = [
        (source, form)
        for source in sources
        for link in others
        for form in known_as(name=None, psa=link)
    ]
    for source, kind in kinds.items():
        bare = [number for number in numbers if f"{kind}:{number}" in others]
        forms += [(source, form) for form in (*bare, *map(folded_number, bare))]
    return frozenset((source, bounded(form)) for source, form in forms)


def known_as_all(organization: Organization) -> list[str]:
    """The forms under which a person's no to this organization may have been written down."""
    forms = [
        form
        for link in _links(organization.psa_ids or ())
        for form in known_as(name=None, psa=link)
    ]
    return [*forms, *known_as(name=organization.name, org=organization.id)]


def forms_of(request: DeletionRequest) -> list[str]:
    """What a request says of its organization, before anybody looked in IT Glue."""
    psa = request.psa
    link = f"{psa.integration_type}:{psa.company_id}" if psa else None
    return list(known_as(name=request.org_name, psa=link, org=request.org_id))
