"""Finding organizations: by id, by name, by PSA link, all of them.

A filter is believed only after its rows were compared: IT Glue ignores a filter that it does not
know, and then returns everything.
"""

import unicodedata

from adapters.clients import folded_number
from adapters.counting import counted
from adapters.errors import InvalidIdentifier
from adapters.likeness import taken_for
from adapters.models import PsaLink
from workers.itglue.contents.together import together
from workers.itglue.http.decode import (
    Included,
    Resource,
    attribute,
    checked_id,
    included,
    one_value,
    only_resource,
    organization,
    own_id,
)
from workers.itglue.http.failures import CallFailed, ResourceMissing
from workers.itglue.http.paging import Page, every, one_page
from workers.itglue.http.transport import Query, Transport
from workers.itglue.models import Linked, Organization
from workers.pipeline.identity.naming import comparable

PATH = "/organizations"
_INCLUDE = ("include", "adapters_resources,attachments")
# Sorted by id a list grows at its end, so that a new organization moves none between two pages.
_SORT = ("sort", "id")
_READ_ONE_BY_ONE = 5


async def show(transport: Transport, org_id: str, query: Query = (_INCLUDE,)) -> Organization:
    """One organization by its id. Raises ResourceMissing, CallFailed."""
    what = f"organization {checked_id(org_id)}"
    payload = await transport.read(f"{PATH}/{org_id}", query, what=what)
    found = organization(only_resource(payload, what), included(payload))
    if found.id != org_id:
        raise CallFailed(f"IT Glue answered with organization {found.id} when asked for {org_id}")
    return found


async def by_id(transport: Transport, org_id: str) -> Organization | None:
    """One organization, or `None`. Raises ResourceMissing: a 404 with a page, not data."""
    try:
        return await show(transport, org_id)
    except ResourceMissing as missing:
        if missing.page:
            raise
        return None


async def everything(
    transport: Transport, *filters: tuple[str, str], most: int = 1000
) -> list[Organization]:
    """All organizations that the filters let through, with their PSA links, once, by ascending id.

    `most`: rows a page. A process that answers others meanwhile takes few, for nobody is answered
    while a page is decoded.
    """
    query = (*filters, _INCLUDE, _SORT)
    return await every(transport, PATH, query, organization, what="organizations", most=most)


async def page(transport: Transport, number: int, size: int) -> Page[Organization]:
    """One page of all organizations, by ascending id; `number` counts from 1."""
    query = (_INCLUDE, _SORT)
    return await one_page(
        transport, PATH, query, organization, number=number, size=size, what="organizations"
    )


async def named(transport: Transport, name: str) -> tuple[Organization, ...]:
    """Organizations of exactly this name, after Unicode NFC and trimming, case kept.

    The filter is exact to the byte, so composed and decomposed form are both asked for.
    """
    wanted = comparable(name)
    if not wanted:
        raise InvalidIdentifier("an organization's name must not be empty")
    forms = dict.fromkeys((wanted, unicodedata.normalize("NFD", wanted)))
    value = ",".join(one_value(form) for form in forms)
    rows = await everything(transport, ("filter[name]", value))
    return tuple(row for row in rows if comparable(row.name) == wanted)


async def alike(transport: Transport, name: str) -> tuple[tuple[str, str], ...]:
    """Id and name of every organization whose name people may take for this one."""
    rows = await every(transport, PATH, (_SORT,), _named, what="organizations")
    wanted = taken_for(name)
    return tuple(row for row in rows if taken_for(row[1]) == wanted)


async def linked(transport: Transport, link: PsaLink) -> Linked:
    """Organizations linked to a PSA company, each proved by the `remote-id` of its link.

    Raises CallFailed: too many rows do not state their links, so nothing can be proved.
    """
    rows = await everything(
        transport,
        ("filter[psa_id]", one_value(link.company_id)),
        ("filter[psa_integration_type]", link.integration_type),
    )
    silent = [row for row in rows if row.psa_ids is None]
    if len(silent) > _READ_ONE_BY_ONE:
        raise CallFailed(
            f"IT Glue lists {counted(len(silent), 'organizations')} without their PSA links"
        )
    stated = [row for row in rows if row.psa_ids is not None]
    stated += await together(*(show(transport, row.id) for row in silent))
    if any(row.psa_ids is None for row in stated):
        raise CallFailed("IT Glue does not state the PSA links of an organization")
    found = tuple(row for row in stated if row.linked_to(link.integration_type, link.company_id))
    # Zeros and blanks make no other number of it: what is linked so is found beside it.
    alike = tuple(
        row
        for row in stated
        if row not in found and row.linked_to(link.integration_type, link.company_id, folded_number)
    )
    return Linked(found + alike if found else (), filter_honoured=len(found) == len(rows))


async def statuses(transport: Transport) -> dict[str, str]:
    """The account's organization statuses, name to id."""
    what = "organization statuses"
    rows = await every(transport, "/organization_statuses", (), _named, what=what)
    return {name: status_id for status_id, name in rows}


def _named(row: Resource, _: Included) -> tuple[str, str]:
    return own_id(row), str(attribute(row.attributes, "name"))
