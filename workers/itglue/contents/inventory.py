"""Everything that would be lost with an organization, counted at the same time.

Cost: 13 requests + one per flexible asset type. Configurations and passwords take two each,
because it is not documented whether a list without `filter[archived]` holds archived records, and
only both halves together cannot count too few. One more per further 1000 organizations, types or
folders, one if there are folders, and one where the account has none (404). `RememberedTypes` save
the list of types.

Flexible assets and documents have no documented filter for archived ones, and are counted as
IT Glue lists them.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from adapters.errors import OrganizationNotFound
from workers.itglue.contents.assets import count_assets
from workers.itglue.contents.counting import ONE, UNCOUNTABLE, Count, added, count, counted
from workers.itglue.contents.documents import count_documents
from workers.itglue.contents.subtree import below, place
from workers.itglue.contents.together import together
from workers.itglue.http.paging import every
from workers.itglue.http.transport import Query, Transport
from workers.itglue.models import AccountView, Inventory, Organization
from workers.itglue.organizations import by_id
from workers.itglue.presence.witnesses import view
from workers.ledger.installation.asset_types import RememberedTypes

# Top-level routes with a filter, as kind and resource. Archived records are asked for apart.
_PLAIN = ("contacts", "locations", "domains", "expirations", "checklists")
_ARCHIVABLE = {"configs": "configurations", "passwords": "passwords"}
# Kinds of records that a list shows by their organization, as counted and as asked for.
LISTED: Final = {**_ARCHIVABLE, **{kind: kind for kind in _PLAIN}}


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    count: Count
    ids: tuple[str, ...] | None = None
    account: AccountView | None = None


async def take(
    transport: Transport, subject: Organization, cache: RememberedTypes | None
) -> Inventory:
    """Count every kind. What IT Glue does not let be counted is `None`, with a warning.

    Raises:
        OrganizationNotFound: it is gone meanwhile.
        ITGlueConnectionError: unreachable, 429, 5xx, time-out; the same may succeed later.
    """
    org_id = subject.id
    groups = await together(
        _single("assets", count_assets(transport, org_id, cache)),
        *(
            _single(kind, _both_halves(transport, resource, org_id))
            for kind, resource in _ARCHIVABLE.items()
        ),
        *(_single(kind, _count(transport, kind, org_id)) for kind in _PLAIN),
        _documents(transport, org_id),
        _sub_organizations(transport, org_id),
    )
    found = [item for group in groups for item in group]
    found.append(_Found("attachments", _attachments(subject)))
    warnings = tuple(
        f"{item.kind.replace('_', ' ')} could not be counted: {item.count.reason}"
        for item in found
        if item.count.number is None
    )
    counts = {item.kind: item.count.number for item in found}
    (under,) = (item for item in found if item.kind == "sub_organizations")
    return Inventory(MappingProxyType(counts), under.ids, warnings, under.account)


async def _single(kind: str, read: Coroutine[Any, Any, Count]) -> tuple[_Found, ...]:
    return (_Found(kind, await counted(read)),)


async def _count(
    transport: Transport, resource: str, org_id: str, *, archived: bool | None = None
) -> Count:
    query: Query = (("filter[organization_id]", org_id), ONE)
    expected: dict[str, object] = {"organization-id": org_id}
    if archived is not None:
        query = (*query, ("filter[archived]", "true" if archived else "false"))
        expected["archived"] = archived
    return count(await transport.read(f"/{resource}", query, what=resource), expected)


async def _both_halves(transport: Transport, resource: str, org_id: str) -> Count:
    halves = (_count(transport, resource, org_id, archived=half) for half in (False, True))
    return added(*await together(*halves))


async def _documents(transport: Transport, org_id: str) -> tuple[_Found, ...]:
    documents, folders = await count_documents(transport, org_id)
    if documents.missing or folders.missing:
        # Both addresses name the organization, so it may have gone while it was counted.
        if await by_id(transport, org_id) is None:
            raise OrganizationNotFound(
                f"organization {org_id} was there and is gone while it is counted; Unglue did not "
                "delete it"
            )
        if documents.missing:
            documents, folders = await count_documents(transport, org_id)
    return _Found("documents", documents), _Found("document_folders", folders)


async def _sub_organizations(transport: Transport, org_id: str) -> tuple[_Found, ...]:
    try:
        places = await every(
            transport, "/organizations", (("sort", "id"),), place, what="organizations"
        )
    except UNCOUNTABLE as error:
        return (_Found("sub_organizations", Count(None, error.message)),)
    ids = below(org_id, places)
    if ids is None:
        reason = "IT Glue does not list it, or does not state which organization lies below which"
        seen = view((org_id,), places)
        return (_Found("sub_organizations", Count(None, reason), account=seen),)
    return (_Found("sub_organizations", Count(len(ids)), ids, view((org_id, *ids), places)),)


def _attachments(subject: Organization) -> Count:
    if subject.attachments is None:
        return Count(None, "IT Glue did not state them with the organization")
    return Count(subject.attachments)
