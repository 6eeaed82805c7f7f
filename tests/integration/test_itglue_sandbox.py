"""The client against the sandbox: another reading of the same facts."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.errors import ITGlueConnectionError
from service.sandbox.settings import SandboxSettings
from tests.support.sandbox import NOW, Caller, calling
from workers.itglue.client import ITGlue
from workers.itglue.models import AccountView, Inventory

BUSY = "201"
WITH_DEPENDENTS = "302"
PARENT = "303"
TWIN = "Saffron Bicycle Repair"
ARCHIVES = "312"
EMPTY = "311"
LONG_ID = "4489414129010794"
# The account as the seed shows it.
BEFORE = AccountView("101", 20, ("101", "311"))


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """A parameter says whether lists hold archived records, which is not known of IT Glue."""
    archived = getattr(request, "param", False)
    with calling(SandboxSettings(lists_archived=archived, removal_seconds=60)) as caller:
        yield caller


@pytest.fixture
async def itglue(sandbox: Caller) -> AsyncIterator[ITGlue]:
    url = str(sandbox.http.base_url)
    async with ITGlue.connect(base_url=url, api_key="ITG.sandbox") as client:
        yield client


async def taken(itglue: ITGlue, org_id: str) -> Inventory:
    organization = await itglue.organization(org_id)
    assert organization is not None
    return await itglue.inventory(organization)


async def test_what_an_organization_holds(itglue: ITGlue) -> None:
    found = await taken(itglue, WITH_DEPENDENTS)
    assert found.warnings == ()
    counts = {**found.counts}
    assert counts.pop("expirations") is not None
    assert counts == {
        "assets": 12,
        "configs": 4,
        "documents": 7,
        "passwords": 5,
        "contacts": 3,
        "locations": 2,
        "domains": 2,
        "checklists": 1,
        "document_folders": 3,
        "attachments": 1,
        "sub_organizations": 0,
    }


@pytest.mark.parametrize("sandbox", [False, True], indirect=True)
async def test_archived_records_are_never_left_out(itglue: ITGlue) -> None:
    found = await taken(itglue, ARCHIVES)
    assert (found.counts["configs"], found.counts["passwords"]) == (3, 2)
    assert found.counts["documents"] == 1
    busy = await taken(itglue, BUSY)
    assert busy.counts["configs"] == 10


@pytest.mark.parametrize("form", ["stringified", "null", "number", "string", "array", "strings"])
async def test_sub_organizations_in_every_form(sandbox: Caller, itglue: ITGlue, form: str) -> None:
    sandbox.faults(parent_id=form)
    assert (await taken(itglue, PARENT)).sub_organizations == ("304", "305")
    assert (await taken(itglue, EMPTY)).sub_organizations == ()


@pytest.mark.parametrize("form", ["swapped", "long"])
async def test_ids_of_any_type_and_length(sandbox: Caller, itglue: ITGlue, form: str) -> None:
    sandbox.faults(wrong_typed_ids=form)
    org_id = LONG_ID if form == "swapped" else str(1_000_000_000_000_000 + 302)
    if form == "long":
        [listed] = await itglue.organizations_named("Paper Moon Cinema")
        org_id = listed.id
        assert len(org_id) >= 16
    found = await itglue.organization(org_id)
    assert found is not None
    assert found.id == org_id
    assert None not in (await itglue.inventory(found)).counts.values()


async def test_ignored_filters_never_yield_a_number(sandbox: Caller, itglue: ITGlue) -> None:
    honest = (await taken(itglue, WITH_DEPENDENTS)).counts
    sandbox.faults(ignore_filters=True)
    found = await taken(itglue, WITH_DEPENDENTS)
    for kind, number in found.counts.items():
        assert number in {None, honest[kind]}
    # Documents outside folders would be 2, which is the trap.
    for kind in ("assets", "configs", "documents", "passwords", "contacts"):
        assert found.counts[kind] is None
    assert [it.id for it in await itglue.organizations_named(TWIN)] == ["308", "309"]
    assert (await itglue.presence("999", BEFORE)).state == "unclear"


async def test_a_page_that_lacks_a_record_is_not_believed(sandbox: Caller, itglue: ITGlue) -> None:
    sandbox.faults(partial_page=True)
    assert (await itglue.presence("999", BEFORE)).state == "unclear"
    with pytest.raises(ITGlueConnectionError, match="ended after"):
        await itglue.organizations_named(TWIN)


async def test_idle_days(itglue: ITGlue) -> None:
    since = NOW - timedelta(days=200)
    last = await itglue.last_activity("301", since=since, now=NOW)
    day = (NOW - timedelta(days=120)).date()
    assert last == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert await itglue.last_activity(EMPTY, since=since, now=NOW) is None
    assert await itglue.last_activity(BUSY, since=since, now=NOW) == NOW


async def test_an_export_order_to_file(sandbox: Caller, itglue: ITGlue, tmp_path: Path) -> None:
    ordered = await itglue.create_export(WITH_DEPENDENTS, include_logs=True, zip_password="secret")
    assert (ordered.organization_id, ordered.encrypted) == (WITH_DEPENDENTS, True)
    pending = await itglue.export(ordered.id)
    assert pending is not None
    assert pending.download_url is None
    sandbox.advance(5)
    finished = await itglue.export(ordered.id)
    assert finished is not None
    path = tmp_path / "302.zip"
    size, sha256, *_ = await itglue.download(finished, path, 10_000_000)
    assert size == len(path.read_bytes())
    assert len(sha256) == 64
    await itglue.delete_export(ordered.id)
    assert await itglue.export(ordered.id) is None
