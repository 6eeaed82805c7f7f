"""Counting documents, which IT Glue lists in a way that invites counting too few.

Without a folder filter the list holds only documents outside folders;
`filter[document_folder_id]=null` lists all of them (68 and 197 of one organization, measured:
https://github.com/WYRE-AI/itglue-mcp/issues/55), and where it is refused
`filter[document_folder_id][ne]=` is the known substitute. The list carries whole bodies, so one
row is asked for. Folders answer 401, 403 or 404 on tenants that do not have them yet.
"""

from dataclasses import dataclass

from workers.itglue.contents.counting import ONE, UNCOUNTABLE, Count, count
from workers.itglue.contents.together import both
from workers.itglue.http.decode import Included, Resource, attribute, resources, text_id, whole
from workers.itglue.http.failures import RequestRefused
from workers.itglue.http.paging import every
from workers.itglue.http.transport import Query, Transport

_ALL: Query = (("filter[document_folder_id]", "null"),)
_SUBSTITUTE: Query = (("filter[document_folder_id][ne]", ""),)


@dataclass(frozen=True, slots=True)
class Folders:
    """How many folders there are, and whether each of them states that it holds no document."""

    count: Count
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of documents. `loose`: its first row lies outside any folder."""

    count: Count
    filters: Query = ()
    loose: bool = False


def proven(listed: Listed, outside: Count, folders: Folders) -> Count:
    """The number of documents inside and outside folders, if the answers prove one. Pure.

    A filter that was ignored, or means something else than is known, shows in the comparison with
    the documents `outside` folders: the number is then only a lower bound, and none is given.
    """
    number, least = listed.count.number, outside.number
    if number is None or least is None:
        return listed.count if number is None else outside
    doubtful = listed.filters == _SUBSTITUTE and not listed.loose
    if (number > least and not doubtful) or (number == least and folders.empty):
        return listed.count
    return Count(
        None,
        f"at least {max(number, least)}, and IT Glue does not show whether that includes the "
        "documents in folders",
    )


async def count_documents(transport: Transport, org_id: str) -> tuple[Count, Count]:
    """The documents of an organization, and its document folders."""
    listed, folders = await both(_everywhere(transport, org_id), _folders(transport, org_id))
    without_folders = listed.filters == _ALL and folders.count.number == 0
    if listed.count.number is None or without_folders:
        return listed.count, folders.count
    outside = (await _list(transport, org_id, ())).count if listed.filters else listed.count
    return proven(listed, outside, folders), folders.count


async def _everywhere(transport: Transport, org_id: str) -> Listed:
    for filters in (_ALL, _SUBSTITUTE):
        try:
            return await _list(transport, org_id, filters)
        except RequestRefused:
            continue
    return await _list(transport, org_id, ())


async def _list(transport: Transport, org_id: str, filters: Query) -> Listed:
    path = f"/organizations/{org_id}/relationships/documents"
    try:
        payload = await transport.read(path, (*filters, ONE), what="documents")
    except RequestRefused:
        if filters:
            raise
        return Listed(Count(None, "IT Glue refuses to list documents"))
    except UNCOUNTABLE as error:
        return Listed(Count.untaken(error))
    loose = any(
        attribute(row.attributes, "document-folder-id") is None for row in resources(payload)
    )
    return Listed(count(payload, {"organization-id": org_id}, nested=True), filters, loose)


async def _folders(transport: Transport, org_id: str) -> Folders:
    def decode(row: Resource, _: Included) -> tuple[str | None, int | None]:
        owner = text_id(attribute(row.attributes, "organization-id"))
        return owner, whole(attribute(row.attributes, "documents-count"))

    path = f"/organizations/{org_id}/relationships/document_folders"
    try:
        rows = await every(transport, path, (), decode, what="document folders")
    except UNCOUNTABLE as error:
        return Folders(Count.untaken(error))
    if any(owner not in {None, org_id} for owner, _ in rows):
        return Folders(Count(None, "IT Glue lists folders of another organization"))
    return Folders(Count(len(rows)), empty=all(held == 0 for _, held in rows))
