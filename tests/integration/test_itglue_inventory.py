from typing import Any

import pytest
from starlette.responses import HTMLResponse, Response

from adapters.errors import ITGlueConnectionError
from tests.integration.itglue_loopback import (
    KEY,
    MISSING_PAGE,
    Call,
    ScriptedITGlue,
    answer,
    listing,
    paged,
    raw,
    row,
)
from workers.itglue.client import ITGlue
from workers.itglue.http.transport import Pool, Transport
from workers.itglue.models import Organization
from workers.ledger.installation.asset_types import RememberedTypes

SUBJECT = Organization(id="5", name="A", attachments=3)
KINDS = {
    "assets",
    "configs",
    "documents",
    "passwords",
    "contacts",
    "locations",
    "domains",
    "expirations",
    "checklists",
    "document_folders",
    "attachments",
    "sub_organizations",
}
DOCUMENTS = "/organizations/5/relationships/documents"
FOLDERS = "/organizations/5/relationships/document_folders"


@pytest.fixture
def server(running: ScriptedITGlue) -> ScriptedITGlue:
    """An account in which organization 5 holds something of everything."""
    running.forget()
    numbers = {"contacts": 4, "locations": 2, "domains": 1, "expirations": 9, "checklists": 6}
    for resource, number in numbers.items():
        running.on("GET", f"/{resource}", counted(number))
    running.on("GET", "/configurations", halves(current=7, archived=3))
    running.on("GET", "/passwords", halves(current=11, archived=0))
    running.on("GET", "/flexible_asset_types", listing(row(33), row(34), row(35)))
    running.on("GET", "/flexible_assets", assets({"33": 2, "34": 0, "35": 40}))
    running.on("GET", DOCUMENTS, documents(everywhere=197, outside=68))
    running.on("GET", FOLDERS, listing(row(1, documents_count=129), row(2, documents_count=0)))
    places = [place(1), place(5), place(6, 5, [5]), place(7, 6, [5, 6]), place(8, 1, [1])]
    running.on("GET", "/organizations", paged(places))
    running.on("GET", "/organizations/5", answer({"data": row(5, name="A")}))
    return running


def counted(number: int, owner: int = 5, **attributes: Any) -> Response:
    rows = [row(1, organization_id=owner, **attributes)] if number else []
    return listing(*rows, total=number)


def halves(*, current: int, archived: int) -> Any:
    def half(call: Call) -> Response:
        wanted = call.asked["filter[archived]"] == "true"
        return counted(archived if wanted else current, archived=wanted)

    return half


def assets(numbers: dict[str, int]) -> Any:
    def of_type(call: Call) -> Response:
        type_id = call.asked["filter[flexible-asset-type-id]"]
        assert call.asked["filter[organization-id]"] == "5"
        return counted(numbers[type_id], flexible_asset_type_id=int(type_id))

    return of_type


def documents(*, everywhere: int, outside: int) -> Any:
    def filtered(call: Call) -> Response:
        null = call.asked.get("filter[document_folder_id]") == "null"
        return counted(everywhere if null else outside, document_folder_id=None)

    return filtered


def place(
    key: int, parent: int | None = None, ancestors: list[int] | None = None
) -> dict[str, Any]:
    return row(key, name="A", parent_id=parent, ancestor_ids=ancestors)


def error(status: int) -> Response:
    return answer({"errors": [{"status": status, "title": "No"}]}, status)


async def test_all_is_counted_at_the_stated_cost(server: ScriptedITGlue, itglue: ITGlue) -> None:
    found = await itglue.inventory(SUBJECT)
    assert found.counts == {
        "assets": 42,
        "configs": 10,
        "documents": 197,
        "passwords": 11,
        "contacts": 4,
        "locations": 2,
        "domains": 1,
        "expirations": 9,
        "checklists": 6,
        "document_folders": 2,
        "attachments": 3,
        "sub_organizations": 2,
    }
    assert found.sub_organizations == ("6", "7")
    assert found.warnings == ()
    # 13 + 3 types + the documents outside folders, because there are folders.
    assert itglue.requests == len(server.calls) == 13 + 3 + 1
    large = {"/organizations", "/flexible_asset_types", FOLDERS}
    assert {call.path for call in server.calls if call.asked["page[size]"] != "1"} == large


async def test_one_without_folders_costs_one_less(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", FOLDERS, listing())
    found = await itglue.inventory(SUBJECT)
    assert (found.counts["documents"], found.counts["document_folders"]) == (197, 0)
    assert itglue.requests == 13 + 3


async def test_an_empty_one_has_zeros_not_unknowns(server: ScriptedITGlue, itglue: ITGlue) -> None:
    paths = ["contacts", "locations", "domains", "expirations", "checklists", "configurations"]
    for path in (*paths, "passwords", "flexible_assets"):
        server.on("GET", f"/{path}", listing())
    server.on("GET", DOCUMENTS, listing())
    server.on("GET", FOLDERS, listing())
    server.on("GET", "/organizations", listing(place(5)))
    found = await itglue.inventory(Organization(id="5", name="A", attachments=0))
    assert found.counts == dict.fromkeys(KINDS, 0)
    assert found.sub_organizations == ()
    assert found.warnings == ()


KIND_OF_PATH = {
    "/configurations": {"configs"},
    "/passwords": {"passwords"},
    "/contacts": {"contacts"},
    "/locations": {"locations"},
    "/domains": {"domains"},
    "/expirations": {"expirations"},
    "/checklists": {"checklists"},
    "/flexible_assets": {"assets"},
    "/flexible_asset_types": {"assets"},
    "/organizations": {"sub_organizations"},
    DOCUMENTS: {"documents"},
    FOLDERS: {"document_folders"},
}


@pytest.mark.parametrize("path", KIND_OF_PATH)
@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_a_kind_that_is_not_allowed_is_unknown_and_no_other(
    server: ScriptedITGlue, itglue: ITGlue, path: str, status: int
) -> None:
    server.on("GET", path, error(status))
    found = await itglue.inventory(SUBJECT)
    unknown = {kind for kind, number in found.counts.items() if number is None}
    assert unknown == KIND_OF_PATH[path]
    [warning] = found.warnings
    assert warning.startswith(min(unknown).replace("_", " ") + " could not be counted")
    assert str(status) in warning or path == DOCUMENTS
    assert (found.sub_organizations is None) == (path == "/organizations")


@pytest.mark.parametrize("path", KIND_OF_PATH)
@pytest.mark.parametrize(
    "reply",
    [
        answer({"message": "Too Many Requests"}, 429, retry_after="5"),
        HTMLResponse("<title>502 Bad Gateway</title>", 502),
        HTMLResponse("<title>Sign in</title>", 200),
    ],
    ids=["429", "502", "page"],
)
async def test_what_may_pass_fails_the_whole_inventory(
    server: ScriptedITGlue, itglue: ITGlue, path: str, reply: Response
) -> None:
    server.on("GET", path, reply)
    with pytest.raises(ITGlueConnectionError) as raised:
        await itglue.inventory(SUBJECT)
    expected = 5 if reply.status_code == 429 else None
    assert getattr(raised.value, "retry_after", "none") == expected


@pytest.mark.parametrize(
    "path", sorted(KIND_OF_PATH.keys() - {"/organizations", "/flexible_asset_types"})
)
async def test_an_ignored_filter_shows(server: ScriptedITGlue, itglue: ITGlue, path: str) -> None:
    server.on("GET", path, counted(5000, owner=1))
    if path == FOLDERS:
        server.on("GET", path, listing(row(1, organization_id=1, documents_count=0)))
    found = await itglue.inventory(SUBJECT)
    assert {kind for kind, number in found.counts.items() if number is None} == KIND_OF_PATH[path]
    [warning] = found.warnings
    assert "ignored the filter" in warning or "another organization" in warning


async def test_an_ignored_archive_filter_is_noticed(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/configurations", counted(7, archived=False))
    assert (await itglue.inventory(SUBJECT)).counts["configs"] is None


async def test_an_ignored_type_filter_is_noticed(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/flexible_assets", counted(7, flexible_asset_type_id=33))
    assert (await itglue.inventory(SUBJECT)).counts["assets"] is None


async def test_a_missing_page_is_a_missing_resource(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/checklists", HTMLResponse(MISSING_PAGE, 404))
    found = await itglue.inventory(SUBJECT)
    assert found.counts["checklists"] is None
    assert found.warnings[0].startswith("checklists could not be counted: ")


def refusing(*refused: str, **numbers: int) -> Any:
    """Documents by the form of the filter; the forms named answer 422."""

    def by_form(call: Call) -> Response:
        forms = {"filter[document_folder_id]": "null", "filter[document_folder_id][ne]": "ne"}
        form = next((forms[name] for name in call.asked if name in forms), "none")
        return error(422) if form in refused else counted(numbers[form], document_folder_id=None)

    return by_form


@pytest.mark.parametrize(
    ("answers", "folders", "expected"),
    [
        (refusing("null", ne=197, none=68), listing(row(1, documents_count=129)), 197),
        (refusing("null", "ne", none=68), listing(row(1, documents_count=129)), None),
        (refusing("null", "ne", none=68), listing(), 68),
        (refusing("null", ne=68, none=68), listing(row(1, documents_count=1)), None),
        # The filter is ignored, and the folders say that something is in them.
        (refusing(null=68, none=68), listing(row(1, documents_count=1)), None),
        (refusing(null=68, none=68), listing(row(1, documents_count=0)), 68),
        (refusing(null=68, none=68), listing(row(1)), None),
        (refusing(null=197, none=68), error(403), 197),
        (refusing(null=68, none=68), error(403), None),
    ],
)
async def test_documents_in_folders_are_counted_or_the_count_is_unknown(
    server: ScriptedITGlue, itglue: ITGlue, answers: Any, folders: Response, expected: int | None
) -> None:
    server.on("GET", DOCUMENTS, answers)
    server.on("GET", FOLDERS, folders)
    found = await itglue.inventory(SUBJECT)
    assert found.counts["documents"] == expected
    assert any(text.startswith("documents could not") for text in found.warnings) == (
        expected is None
    )


async def test_a_document_too_large_to_list_is_unknown(server: ScriptedITGlue) -> None:
    server.on("GET", DOCUMENTS, counted(1, content="x" * 200_000))
    async with Pool(base_url=server.url, api_key=KEY) as pool:
        client = ITGlue(Transport(pool, answer_limit=100_000))
        found = await client.inventory(SUBJECT)
    assert found.counts["documents"] is None
    assert found.counts["document_folders"] == 2
    assert "larger than" in found.warnings[0]


async def test_unstated_places_are_not_none(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/organizations", listing(row(1, name="A"), row(5, name="B")))
    found = await itglue.inventory(SUBJECT)
    assert found.sub_organizations is None
    assert found.counts["sub_organizations"] is None


async def test_sub_organizations_on_later_pages(server: ScriptedITGlue, itglue: ITGlue) -> None:
    places = [place(number) for number in range(1, 2300)]
    places[2100] = place(2101, None, [5])
    server.on("GET", "/organizations", paged(places))
    assert (await itglue.inventory(SUBJECT)).sub_organizations == ("2101",)


async def test_attachments_that_were_not_read_are_unknown(itglue: ITGlue) -> None:
    found = await itglue.inventory(Organization(id="5", name="A"))
    assert found.counts["attachments"] is None
    assert found.warnings == (
        "attachments could not be counted: IT Glue did not state them with the organization",
    )


async def test_remembered_types_save_a_request(server: ScriptedITGlue) -> None:
    types = RememberedTypes(None)
    async with ITGlue.connect(base_url=server.url, api_key=KEY, types=types) as client:
        await client.inventory(SUBJECT)
        assert types.ids == ("33", "34", "35")
        first = client.requests
        assert (await client.inventory(SUBJECT)).counts["assets"] == 42
        assert client.requests - first == first - 1


@pytest.mark.parametrize("status", [404, 422])
async def test_types_are_read_again_when_one_is_gone(server: ScriptedITGlue, status: int) -> None:
    of_type = assets({"33": 2, "34": 0, "35": 40})

    def answered(call: Call) -> Response:
        if call.asked["filter[flexible-asset-type-id]"] == "99":
            return error(status)
        found: Response = of_type(call)
        return found

    server.on("GET", "/flexible_assets", answered)
    types = RememberedTypes(("33", "99"))
    async with ITGlue.connect(base_url=server.url, api_key=KEY, types=types) as client:
        assert (await client.inventory(SUBJECT)).counts["assets"] == 42
        assert types.ids == ("33", "34", "35")

        types.ids = ("33", "99")
        server.on("GET", "/flexible_asset_types", answer({"message": "Busy"}, 503))
        with pytest.raises(ITGlueConnectionError):
            await client.inventory(SUBJECT)
        assert types.ids is None


async def test_a_dropped_connection_fails_the_inventory() -> None:
    async with raw(b"") as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        with pytest.raises(ITGlueConnectionError):
            await client.inventory(SUBJECT)
