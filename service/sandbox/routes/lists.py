"""What organizations own: every list that can be counted."""

from collections.abc import Callable

from starlette.responses import Response

from service.sandbox.answers import Refusal, page
from service.sandbox.journal import Call
from service.sandbox.query import Path, Query, alternatives, parse_query
from service.sandbox.render import record_resource
from service.sandbox.routes.asked import find, honoured_filters
from service.sandbox.selection import normalised, select_records
from service.sandbox.shapes import Record
from service.sandbox.state import Sandbox

_ARCHIVABLE = frozenset({"configurations", "passwords"})
_FOLDER: Path = ("document_folder_id",)
_NOT_FOLDER: Path = ("document_folder_id", "ne")
_TYPE: Path = ("flexible_asset_type_id",)

Route = Callable[[Sandbox, Call], Response]


def list_records(kind: str) -> Route:
    """`GET /configurations` and its like: filtered by `filter[organization_id]`."""

    def answer(sandbox: Sandbox, call: Call) -> Response:
        query = parse_query(call.pairs())
        filters = honoured_filters(call, query)
        records = select_records(sandbox.world, kind, filters)
        hides = kind in _ARCHIVABLE and not sandbox.settings.lists_archived
        if hides and ("archived",) not in filters:
            records = [record for record in records if not record.attributes["archived"]]
        return page_of(sandbox, call, query, records)

    return answer


def list_folders(sandbox: Sandbox, call: Call) -> Response:
    """`GET /organizations/:id/relationships/document_folders`: filters have no effect there."""
    records = sandbox.world.owned("document-folders", [find(sandbox, call).id])
    return page_of(sandbox, call, parse_query(call.pairs()), records)


def list_flexible_assets(sandbox: Sandbox, call: Call) -> Response:
    """`GET /flexible_assets`, which insists on a type."""
    query = parse_query(call.pairs())
    if not normalised("flexible-assets", query.filters).get(_TYPE):
        raise Refusal(
            422, "Cannot index flexible assets without providing a flexible asset type ID filter"
        )
    filters = honoured_filters(call, query)
    return page_of(sandbox, call, query, select_records(sandbox.world, "flexible-assets", filters))


def list_documents(sandbox: Sandbox, call: Call) -> Response:
    """`GET /organizations/:id/relationships/documents`: only the root folder, unless asked.

    `filter[document_folder_id]=null` returns every document, foldered or not, despite its name;
    so does `filter[document_folder_id][ne]=`. Source: live findings in WYRE-AI/itglue-mcp#55 and
    #71. Bodies are in the list, as there.
    """
    owner = find(sandbox, call)
    query = parse_query(call.pairs())
    filters = honoured_filters(call, query)
    documents = sandbox.world.owned("documents", [owner.id])
    everything = filters.get(_FOLDER) == "null" or filters.get(_NOT_FOLDER) == ""
    if not everything:
        documents = [each for each in documents if _in_folder(each, filters.get(_FOLDER))]
    return page_of(sandbox, call, query, documents)


def _in_folder(document: Record, wanted: str | None) -> bool:
    folder = document.attributes["document-folder-id"]
    return folder is None if wanted is None else str(folder) in alternatives(wanted)


def page_of(sandbox: Sandbox, call: Call, query: Query, records: list[Record]) -> Response:
    """A page of records."""
    base_url = call.base_url
    return page(call, query, records, lambda it: record_resource(sandbox.world, it, base_url))
