"""By what any source may know the client of an organization, and a person's no. Pure.

Taking two clients for one can only keep a deletion from happening; what ends a no asks for more
(`strangers`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, get_args

from adapters.clients import folded_number, known_as
from adapters.models import DeletionRequest, PsaIntegration
from workers.itglue.models import Organization

if TYPE_CHECKING:
    from workers.ledger.deleting.registers import Register

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
    forms = dict.fromkeys(
        (
            *numbers,
            *map(folded_number, numbers),
            *known_as_all(organization),
            *_by_short_name(organization),
        )
    )
    return [(source, bounded(form)) for source in sources for form in forms]


def _by_short_name(organization: Organization) -> list[str]:
    """What a sender may take for its name, or for its number: a PSA's own text for a company."""
    short = organization.short_name
    if not short:
        return []
    links = [form for link in _links([short]) for form in known_as(name=None, psa=link)]
    return [*known_as(name=short), *links]


def strangers(
    organization: Organization, sources: Iterable[str], kinds: Mapping[str, str]
) -> frozenset[Client]:
    """Those of them that may share no more than a number with a linked company, in another PSA.

    Or no more than the short name, which several may have.
    `kinds`: the sources of PSAs, each with its integration type. Where IT Glue does not say whose
    a link is, it is that of the only PSA, or nobody knows.
    """
    certain = known_as_all(organization)
    short = [form for form in _by_short_name(organization) if form not in certain]
    shared = frozenset((source, bounded(form)) for source in sources for form in short)
    numbers = organization.psa_ids or ()
    types = organization.psa_types or ("",) * len(numbers)
    if not all(types) and len(set(kinds.values())) < 2:
        return shared
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
    return shared | {(source, bounded(form)) for source, form in forms}


def further(
    organization: Organization,
    registers: "Iterable[Register]",
    sources: Iterable[str],
    kinds: Mapping[str, str],
    by: str,
) -> frozenset[Client]:
    """Who its client is, too, by what was said under the identities that are known: `registers`.

    A linked company's name may be another one than the organization's, and other sources know the
    client by that. Who was inactive under a name may be active under another. `by` is the source of
    the deletion, which knows its own clients: what may be another PSA's number is none of them.
    """
    alien = strangers(organization, sources, kinds)
    sure = bool(organization.psa_types) and all(organization.psa_types)
    found = set[Client]()
    for register in registers:
        doubtful = (register.source, register.client) in alien
        if register.name and not (doubtful and sure):
            forms = [bounded(form) for form in known_as(name=register.name)]
            found.update(
                (each, form) for each in sources for form in forms if each != by or not doubtful
            )
        linked = register.source in kinds and organization.psa_ids
        if register.source != by and not linked:
            found.update((register.source, client) for client in register.inactive_by)
    return frozenset(found)


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
