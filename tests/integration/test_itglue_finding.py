import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import HTMLResponse, Response

from adapters.errors import InvalidIdentifier, ITGlueConnectionError, PermissionDenied
from adapters.models import PsaLink
from tests.integration.itglue_loopback import (
    KEY,
    MISSING_PAGE,
    Call,
    ScriptedITGlue,
    answer,
    closed_port,
    listing,
    not_found,
    paged,
    raw,
    row,
    too_many,
)
from workers.itglue.client import ITGlue
from workers.itglue.http.failures import AnswerTimedOut
from workers.itglue.http.transport import Pool, Transport
from workers.itglue.models import AccountView


def linked(identifier: int, *remote_ids: str, name: str = "A") -> dict[str, Any]:
    references = [{"id": f"{identifier}-{it}", "type": "adapters-resources"} for it in remote_ids]
    relationships = {"adapters-resources": {"data": references}}
    return {**row(identifier, name=name), "relationships": relationships}


def remote(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    references = [it for each in rows for it in each["relationships"]["adapters-resources"]["data"]]
    return [{**it, "attributes": {"remote-id": it["id"].split("-", 1)[1]}} for it in references]


async def test_a_name_is_compared_here_as_well(server: ScriptedITGlue, itglue: ITGlue) -> None:
    names = ["Acme", "acme", "Acme ", "Acme Inc", "  Acme\t"]
    rows = [row(number, name=name) for number, name in enumerate(names, 1)]
    server.on("GET", "/organizations", listing(*rows))
    assert [it.id for it in await itglue.organizations_named(" Acme")] == ["1", "3", "5"]
    assert server.calls[0].asked["filter[name]"] == "Acme"


async def test_an_ignored_filter_only_costs_pages(server: ScriptedITGlue, itglue: ITGlue) -> None:
    rows = [row(number, name=f"Client {number}") for number in range(1, 2502)]
    server.on("GET", "/organizations", paged(rows))
    assert [it.id for it in await itglue.organizations_named("Client 2501")] == ["2501"]
    assert await itglue.organizations_named("Client 9999") == ()
    assert itglue.requests == 6


async def test_a_comma_in_a_name_is_not_a_list(server: ScriptedITGlue, itglue: ITGlue) -> None:
    rows = [row(1, name="Kub, Reynolds and Gibson"), row(2, name="Kub")]
    server.on("GET", "/organizations", listing(*rows))
    found = await itglue.organizations_named("Kub, Reynolds and Gibson")
    assert [it.id for it in found] == ["1"]
    assert server.calls[0].asked["filter[name]"] == r"Kub\, Reynolds and Gibson"


async def test_a_name_is_asked_in_two_unicode_forms(server: ScriptedITGlue, itglue: ITGlue) -> None:
    composed = "Café, Zürich"
    decomposed = unicodedata.normalize("NFD", composed)
    rows = [row(1, name=composed), row(2, name=decomposed), row(3, name="Cafe, Zurich")]
    server.on("GET", "/organizations", listing(*rows))
    for name in (composed, decomposed):
        assert [it.id for it in await itglue.organizations_named(name)] == ["1", "2"]
    escaped = [form.replace(",", r"\,") for form in (composed, decomposed)]
    assert {call.asked["filter[name]"] for call in server.calls} == {",".join(escaped)}


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
async def test_an_empty_name_finds_nothing_and_everything(itglue: ITGlue, name: str) -> None:
    with pytest.raises(InvalidIdentifier):
        await itglue.organizations_named(name)
    assert itglue.requests == 0


LINK = PsaLink(integration_type="autotask", company_id="174")


async def test_a_link_is_proved_by_its_remote_id(server: ScriptedITGlue, itglue: ITGlue) -> None:
    one = linked(5, "174", "9")
    server.on("GET", "/organizations", listing(one, included=remote(one)))
    found = await itglue.organizations_linked(LINK)
    assert ([it.id for it in found.found], found.filter_honoured) == (["5"], True)
    asked = server.calls[0].asked
    assert (asked["filter[psa_id]"], asked["filter[psa_integration_type]"]) == ("174", "autotask")


@pytest.mark.parametrize("twin", ["0174", " 174 "])
async def test_a_number_with_zeros_or_blanks_is_no_other_one(
    server: ScriptedITGlue, itglue: ITGlue, twin: str
) -> None:
    """It is found beside the one that is linked exactly, and never in its place."""
    rows = [linked(5, "174"), linked(6, twin)]
    server.on("GET", "/organizations", listing(*rows, included=remote(*rows)))
    found = await itglue.organizations_linked(LINK)
    assert [each.id for each in found.found] == ["5", "6"]
    server.on("GET", "/organizations", listing(rows[1], included=remote(rows[1])))
    assert not (await itglue.organizations_linked(LINK)).found


async def test_an_ignored_link_filter_is_noticed(server: ScriptedITGlue, itglue: ITGlue) -> None:
    rows = [linked(number, str(number + 100)) for number in range(1, 1500)]
    server.on("GET", "/organizations", paged(rows, included=remote(*rows)))
    found = await itglue.organizations_linked(PsaLink(integration_type="manage", company_id="1403"))
    assert ([it.id for it in found.found], found.filter_honoured) == (["1303"], False)
    none = await itglue.organizations_linked(PsaLink(integration_type="manage", company_id="7"))
    assert (none.found, none.filter_honoured) == ((), False)


async def test_no_link_at_all(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/organizations", listing())
    found = await itglue.organizations_linked(LINK)
    assert (found.found, found.filter_honoured) == ((), True)


async def test_an_empty_list_without_a_total_is_none(
    server: ScriptedITGlue, itglue: ITGlue
) -> None:
    server.on("GET", "/organizations", answer({"data": []}))
    with pytest.raises(ITGlueConnectionError, match="does not state its total"):
        await itglue.organizations_named("A")


async def test_without_links_each_is_asked_alone(server: ScriptedITGlue, itglue: ITGlue) -> None:
    one = linked(5, "174")
    server.on("GET", "/organizations", listing(row(5, name="A")))
    server.on("GET", "/organizations/5", answer({"data": one, "included": remote(one)}))
    found = await itglue.organizations_linked(LINK)
    assert ([it.id for it in found.found], found.filter_honoured) == (["5"], True)

    server.on("GET", "/organizations/5", answer({"data": row(5, name="A")}))
    with pytest.raises(ITGlueConnectionError, match="does not state the PSA links"):
        await itglue.organizations_linked(LINK)
    server.on("GET", "/organizations", listing(*(row(it, name="A") for it in range(1, 8))))
    with pytest.raises(ITGlueConnectionError, match="without their PSA links"):
        await itglue.organizations_linked(LINK)


async def test_all_organizations_come_once_though_large_pages_fail(server: ScriptedITGlue) -> None:
    rows = [row(number, name="A") for number in range(1, 602)]
    cut = paged(rows)

    def slow(call: Call) -> Response:
        match int(call.asked["page[size]"]):
            case 1000:
                return Response(b"x" * 2_000_000)
            case 500:
                detail = "The request took too long to process and timed out."
                return answer({"errors": [{"status": 500, "detail": detail}]}, 500)
            case _:
                return cut(call)

    server.on("GET", "/organizations", slow)
    async with Pool(base_url=server.url, api_key=KEY) as pool:
        client = ITGlue(Transport(pool, answer_limit=1_000_000))
        found = [organization.id for organization in await client.organizations()]
    assert found == [it["id"] for it in rows]
    sizes = [(call.asked["page[size]"], call.asked["page[number]"]) for call in server.calls]
    assert sizes == [("1000", "1"), ("500", "1"), ("250", "1"), ("250", "2"), ("250", "3")]
    assert {call.asked["sort"] for call in server.calls} == {"id"}


async def test_pages_shrink_when_answers_do_not_come_in_time() -> None:
    async with (
        raw(None) as server,
        ITGlue.connect(base_url=server.url, api_key=KEY, timeout_seconds=0.05) as client,
    ):
        with pytest.raises(AnswerTimedOut):
            await client.statuses()
    sizes = [line.split(b"%5Bsize%5D=")[1].split(b"&")[0] for line in server.received]
    assert sizes == [b"1000", b"500", b"250"]


async def test_a_list_that_moves_is_read_again(server: ScriptedITGlue, itglue: ITGlue) -> None:
    rows = [row(number, name="A") for number in range(1, 1502)]
    first, rest = paged(rows), paged(rows[1:])
    # Organization 1 goes between two pages, and 1001 slips from the second page into the first.
    server.on("GET", "/organizations", first, rest, rest)
    assert [it.id for it in await itglue.organizations()] == [it["id"] for it in rows[1:]]
    assert itglue.requests == 4

    server.on("GET", "/organizations", *(paged(rows[it:]) for it in range(7)))
    with pytest.raises(ITGlueConnectionError, match="changed while it was read"):
        await itglue.organizations()


async def test_a_list_of_equal_pages_is_doubted(server: ScriptedITGlue, itglue: ITGlue) -> None:
    rows = [row(number, name="A") for number in range(1, 1001)]
    for total in ({"meta": {"total-count": 1500}}, {}):
        server.on("GET", "/organizations", answer({"data": rows, **total}))
        with pytest.raises(ITGlueConnectionError, match="repeats rows"):
            await itglue.organizations()


async def test_a_list_that_ends_early_is_doubted(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/organizations", listing(row(1, name="A"), total=3), listing(total=3))
    with pytest.raises(ITGlueConnectionError):
        await itglue.organizations()


async def test_a_list_without_total_ends_with_nothing(
    server: ScriptedITGlue, itglue: ITGlue
) -> None:
    """IT Glue decides how large a page is: 50 where 1000 were asked for."""
    rows = [row(number, name="A") for number in range(1, 102)]
    pages = [answer({"data": rows[at : at + 50]}) for at in (0, 50, 100, 150)]
    server.on("GET", "/organizations", *pages)
    assert len(await itglue.organizations()) == 101


async def test_a_list_without_total_may_say_what_follows(
    server: ScriptedITGlue, itglue: ITGlue
) -> None:
    rows = [row(number, name="A") for number in range(1, 102)]
    follows = {0: 2, 50: 3, 100: None}
    pages = [
        answer({"data": rows[at : at + 50], "meta": {"next-page": page}})
        for at, page in follows.items()
    ]
    server.on("GET", "/organizations", *pages)
    assert (len(await itglue.organizations()), itglue.requests) == (101, 3)


@pytest.mark.parametrize("how", ["page's own total", "more than all", "twice", "part failed"])
async def test_a_list_that_contradicts_itself_is_doubted(
    server: ScriptedITGlue, itglue: ITGlue, how: str
) -> None:
    rows = [row(number, name="A") for number in range(1, 51)]
    said: dict[str, Any] = {"data": rows, "meta": {"total-count": 50}}
    match how:
        case "page's own total":
            said["meta"]["next-page"] = 2
        case "more than all":
            said["meta"]["total-count"] = 49
        case "twice":
            # One comes twice, and in its place another one does not come at all.
            said["data"] = [*rows[:-1], rows[0]]
        case _:
            said["errors"] = [{"status": 503, "title": "A shard is away"}]
    server.on("GET", "/organizations", answer(said))
    with pytest.raises(ITGlueConnectionError):
        await itglue.organizations()


async def test_statuses_by_name(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on(
        "GET", "/organization_statuses", listing(row(68, name="Active"), row(69, name="Inactive"))
    )
    assert await itglue.statuses() == {"Active": "68", "Inactive": "69"}


async def test_control_needs_an_organization(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/organizations", listing(row(1, name="A"), total=40))
    await itglue.control()
    assert server.calls[0].asked == {"page[size]": "1"}
    server.on("GET", "/organizations", listing())
    with pytest.raises(ITGlueConnectionError):
        await itglue.control()
    server.on("GET", "/organizations", answer({"message": "Forbidden"}, 403))
    with pytest.raises(PermissionDenied):
        await itglue.control()


def lists(filtered: Response, control: Response) -> Any:
    return lambda call: filtered if "filter[id]" in call.asked else control


async def test_presence_over_the_line(server: ScriptedITGlue, itglue: ITGlue) -> None:
    mine, other = row(5, name="A"), row(1, name="B")
    control = listing(other, total=40)
    shown = answer({"data": mine})
    server.on("GET", "/organizations/1", answer({"data": other}))
    for by_id, filtered, state in (
        (shown, listing(mine), "visible"),
        (not_found(), listing(), "gone"),
        (HTMLResponse(MISSING_PAGE, 404), listing(), "gone"),
        (not_found(), control, "unclear"),
        (not_found(), answer({"message": "Forbidden"}, 403), "unclear"),
        (not_found(), too_many(retry_after="3"), "unclear"),
        (answer({"data": other}), listing(), "unclear"),
        (answer({"data": other}), listing(mine), "visible"),
    ):
        server.calls.clear()
        server.on("GET", "/organizations/5", by_id)
        server.on("GET", "/organizations", lists(filtered, control))
        found = await itglue.presence("5", AccountView(None, 41, ("1",)))
        assert (found.state, found.evidence) == (state, found.evidence)
        assert (found.organization is not None) == (state == "visible")
        # A witness that the list lacks is read by its id.
        assert len(server.calls) in {4, 5}


async def test_an_outage_does_not_look_like_success(server: ScriptedITGlue, itglue: ITGlue) -> None:
    # Nothing is scripted, so every path answers an HTML 404, as a wrong address does.
    assert (await itglue.presence("5")).state == "unclear"
    server.on("GET", "/organizations/5", not_found())
    server.on("GET", "/organizations", listing())
    assert (await itglue.presence("5")).state == "unclear"
    with closed_port() as url:
        async with ITGlue.connect(base_url=url, api_key=KEY) as client:
            found = await client.presence("5")
    assert found.state == "unclear"
    assert "nothing was sent" in found.evidence


async def test_last_activity_over_several_weeks(server: ScriptedITGlue, itglue: ITGlue) -> None:
    def metrics(call: Call) -> Response:
        start, end = call.asked["filter[date]"].split(",")
        days = [day for day in ("2026-01-03", "2026-02-11", "2026-02-12") if start <= day < end]
        other = {"organization_id": 6, "created": 0, "viewed": 9, "edited": 0, "deleted": 0}
        rows = [row(9, date=end, **other)]
        for day in days:
            quiet = day == "2026-02-12"
            rows.append(row(1, date=day, **{**other, "organization_id": 5, "viewed": 1 - quiet}))
        return listing(*rows)

    server.on("GET", "/user_metrics", metrics)
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    since = datetime(2025, 12, 1, tzinfo=UTC)
    assert await itglue.last_activity("5", since=since, now=now) == datetime(
        2026, 2, 12, tzinfo=UTC
    )
    assert await itglue.last_activity("7", since=since, now=now) is None
    assert all("*" not in call.asked["filter[date]"] for call in server.calls)
    assert all(call.asked["filter[organization_id]"] in {"5", "7"} for call in server.calls)


async def test_activity_of_today_is_not_ahead(server: ScriptedITGlue, itglue: ITGlue) -> None:
    counters = {"created": 0, "viewed": 1, "edited": 0, "deleted": 0}
    today = row(1, organization_id=5, date="2026-03-01", **counters)
    server.on("GET", "/user_metrics", listing(today))
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert await itglue.last_activity("5", since=now, now=now) == now
