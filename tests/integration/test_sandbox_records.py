"""What an organization owns, activity, and exports."""

import io
import zipfile
from typing import Any

import pytest

from service.sandbox.seed import BUSY, EMPTY, ORPHANED, TEST_COMPANY, WITH_DEPENDENTS
from service.sandbox.settings import SandboxSettings
from tests.support.sandbox import Caller, calling

EXPORT = SandboxSettings().export_seconds
DOCUMENTS = f"/organizations/{WITH_DEPENDENTS}/relationships/documents"


def count(caller: Caller, path: str, query: dict[str, Any] | None = None) -> int:
    """As a client counts: one record a page, and the total from `meta`."""
    response = caller.http.get(path, params={**(query or {}), "page[size]": 1})
    assert response.status_code == 200
    body = response.json()
    assert len(body["data"]) == min(1, body["meta"]["total-count"])
    assert isinstance(body["meta"]["total-count"], int)
    return body["meta"]["total-count"]


def assets(caller: Caller, organization_id: int) -> int:
    return sum(
        count(
            caller,
            "/flexible_assets",
            {"filter[flexible_asset_type_id]": kind, "filter[organization_id]": organization_id},
        )
        for kind in caller.ids("/flexible_asset_types", {"page[size]": 1000})
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("configurations", 4),
        ("contacts", 3),
        ("locations", 2),
        ("passwords", 5),
        ("domains", 2),
        ("expirations", 2),
        ("checklists", 1),
    ],
)
def test_counts(caller: Caller, kind: str, expected: int) -> None:
    of_it = {"filter[organization_id]": WITH_DEPENDENTS}
    assert count(caller, f"/{kind}", of_it) == expected
    first, *_ = caller.records(f"/{kind}", of_it)
    assert first["type"] == kind
    assert isinstance(first["id"], str)
    assert first["attributes"]["organization-id"] == WITH_DEPENDENTS
    assert first["attributes"]["organization-name"] == "Paper Moon Cinema"


def test_the_seed_holds_what_it_promises(caller: Caller) -> None:
    assert (assets(caller, WITH_DEPENDENTS), assets(caller, TEST_COMPANY)) == (12, 0)
    everything = {"filter[document_folder_id]": "null"}
    for organization_id, documents in ((WITH_DEPENDENTS, 7), (TEST_COMPANY, 0), (EMPTY, 0)):
        path = f"/organizations/{organization_id}/relationships/documents"
        assert count(caller, path, everything) == documents
    of_it = {"filter[organization_id]": TEST_COMPANY}
    assert count(caller, "/configurations", of_it) == 0
    records = {each["id"]: each["records"] for each in caller.control("world")["organizations"]}
    assert records[str(EMPTY)] == {}


def test_documented_attributes_of_a_configuration(caller: Caller) -> None:
    first, *_ = caller.records("/configurations", {"filter[organization_id]": BUSY})
    # The names of the example on https://api.itglue.com/developer that a count may look at.
    assert set(first["attributes"]) >= {
        "organization-id", "organization-name", "resource-url", "name", "hostname", "primary-ip",
        "mac-address", "serial-number", "asset-tag", "notes", "created-at", "updated-at",
        "organization-short-name", "configuration-type-name", "configuration-status-name",
        "location-id", "archived",
    }  # fmt: skip


def test_a_password_s_value_is_never_listed(caller: Caller) -> None:
    assert all("password" not in each["attributes"] for each in caller.records("/passwords"))


def test_an_unknown_filter_counts_the_whole_account(caller: Caller) -> None:
    everything = count(caller, "/configurations")
    assert count(caller, "/configurations", {"filter[organization-id]": EMPTY}) == everything


@pytest.mark.parametrize(("kind", "archived"), [("configurations", 3), ("passwords", 2)])
@pytest.mark.parametrize("lists_archived", [True, False])
def test_archived_records(kind: str, archived: int, lists_archived: bool) -> None:
    of_it = {"filter[organization_id]": ORPHANED}
    with calling(SandboxSettings(lists_archived=lists_archived)) as caller:
        assert count(caller, f"/{kind}", of_it) == (archived if lists_archived else 0)
        assert count(caller, f"/{kind}", {**of_it, "filter[archived]": "true"}) == archived
        assert count(caller, f"/{kind}", {**of_it, "filter[archived]": "1"}) == archived
        assert count(caller, f"/{kind}", {**of_it, "filter[archived]": "false"}) == 0


def test_documents_are_those_of_the_root_unless_asked(caller: Caller) -> None:
    assert count(caller, DOCUMENTS) == 2
    assert count(caller, DOCUMENTS, {"filter[document_folder_id]": "null"}) == 7
    assert count(caller, DOCUMENTS, {"filter[document_folder_id][ne]": ""}) == 7
    folders = caller.records(f"/organizations/{WITH_DEPENDENTS}/relationships/document_folders")
    by_name = {each["attributes"]["name"]: each for each in folders}
    assert {name: it["attributes"]["documents-count"] for name, it in by_name.items()} == {
        "Runbooks": 3,
        "Network": 1,
        "Contracts": 1,
    }
    runbooks = by_name["Runbooks"]["id"]
    assert count(caller, DOCUMENTS, {"filter[document_folder_id]": runbooks}) == 3
    assert by_name["Network"]["attributes"]["ancestor-ids"] == [int(runbooks)]


def test_flexible_assets_insist_on_a_type(caller: Caller) -> None:
    response = caller.get("/flexible_assets", **{"filter[organization_id]": str(WITH_DEPENDENTS)})
    assert response.status_code == 422
    assert response.json() == {
        "errors": [
            {
                "status": 422,
                "title": "Cannot index flexible assets without providing a flexible asset type "
                "ID filter",
                "source": {"pointer": None},
            }
        ]
    }


@pytest.mark.parametrize("dash", ["-", "_"])
def test_flexible_assets_take_both_cases(caller: Caller, dash: str) -> None:
    names = ("flexible-asset-type-id", "organization-id", "name")
    keys = [f"filter[{name.replace('-', dash)}]" for name in names]
    assert count(caller, "/flexible_assets", {keys[0]: "35", keys[1]: WITH_DEPENDENTS}) == 4
    assert count(caller, "/flexible_assets", {keys[0]: "33,35", keys[1]: WITH_DEPENDENTS}) == 7
    query = {keys[0]: "35", keys[1]: WITH_DEPENDENTS, keys[2]: "LAN 2"}
    assert count(caller, "/flexible_assets", query) == 1


@pytest.mark.parametrize(
    ("window", "rows"),
    [
        ("2026-01-15,2026-01-22", 2),
        ("2026-01-22,*", 2),
        ("2026-01-22T00:00:00Z,2026-01-22T23:59:59Z", 2),
        ("2026-01-01,2026-01-08", 0),
        ("2026-01-14,2026-01-22", None),
        ("*,2026-01-22", None),
        ("2026-01-14,*", None),
        ("soon,later", None),
    ],
)
def test_user_metrics(caller: Caller, window: str, rows: int | None) -> None:
    query: dict[str, Any] = {"filter[organization_id]": BUSY, "filter[date]": window}
    response = caller.http.get("/user_metrics", params=query)
    if rows is None:
        assert response.status_code == 422
        assert response.json()["errors"][0]["title"] == (
            "date range filter cannot be longer than a week, and cannot start with a wildcard"
        )
    else:
        assert response.json()["meta"]["total-count"] == rows


def test_a_metric_has_the_documented_attributes(caller: Caller) -> None:
    first, *_ = caller.records("/user_metrics", {"filter[organization_id]": BUSY})
    assert set(first["attributes"]) == {
        "user-id", "organization-id", "resource-type", "created", "viewed", "edited", "deleted",
        "date",
    }  # fmt: skip


def export_of(caller: Caller, **attributes: Any) -> dict[str, Any]:
    body = {"data": {"type": "exports", "attributes": attributes}}
    response = caller.send("POST", "/exports", body)
    assert response.status_code == 201, response.text
    data = response.json()["data"]
    assert isinstance(data, dict)
    return data


def test_an_export_is_ready_later_and_is_a_zip() -> None:
    with calling() as caller:
        asked = {"organization-id": WITH_DEPENDENTS, "include-logs": True, "zip-password": "x"}
        export = export_of(caller, **asked)
        assert export["attributes"] == {
            "organization-id": WITH_DEPENDENTS,
            "organization-name": "Paper Moon Cinema",
            "include-logs": True,
            "export-all": False,
            "encrypted-status": True,
            "download-url": None,
            "created-at": "2026-01-22T10:30:00.000Z",
            "updated-at": "2026-01-22T10:30:00.000Z",
        }
        caller.advance(EXPORT)
        ready = caller.get(f"/exports/{export['id']}").json()["data"]["attributes"]
        assert ready["updated-at"] == "2026-01-22T10:30:02.000Z"
        stranger = Caller(str(caller.http.base_url), key=None)
        response = stranger.http.get(ready["download-url"])
        assert stranger.http.get(ready["download-url"].replace(".zip", "0.zip")).status_code == 404
        stranger.close()
        assert response.headers["content-type"] == "application/zip"
        (row,) = [each for each in caller.requests() if each["path"].startswith("/downloads/")][:1]
        assert (row["key"], row["status"]) == ("none", 200)
        assert caller.send("DELETE", f"/exports/{export['id']}").status_code == 204
        assert caller.get(f"/exports/{export['id']}").status_code == 404
        assert caller.http.get(ready["download-url"]).status_code == 404
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len([name for name in names if name.startswith("documents/")]) == 7
        assert {"organizations.csv", "configurations.csv", "logs.csv"} <= set(names)
        assert archive.read("flexible-assets.csv").decode().count("\r\n") == 13
        assert "Paper Moon Cinema" in archive.read("organizations.csv").decode()


@pytest.mark.parametrize("attributes", [{}, {"organization-id": None}])
def test_an_export_may_be_the_whole_account(caller: Caller, attributes: dict[str, Any]) -> None:
    export = export_of(caller, **attributes)
    assert export["attributes"]["export-all"] is True
    assert export["attributes"]["organization-id"] is None


@pytest.mark.parametrize("organization_id", [999, "x", [1]])
def test_an_export_of_nothing(caller: Caller, organization_id: object) -> None:
    body = {"data": {"type": "exports", "attributes": {"organization-id": organization_id}}}
    assert caller.send("POST", "/exports", body).status_code == 422


def test_an_export_goes_with_its_organization() -> None:
    with calling() as caller:
        export = export_of(caller, **{"organization-id": EMPTY})
        caller.advance(EXPORT)
        url = caller.get(f"/exports/{export['id']}").json()["data"]["attributes"]["download-url"]
        assert caller.http.get(url).status_code == 200
        caller.delete(EMPTY)
        caller.advance(EXPORT)
        assert caller.http.get(url).status_code == 404
        assert caller.get(f"/exports/{export['id']}").status_code == 404
