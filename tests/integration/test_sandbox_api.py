"""The sandbox's manners: keys, content types, paging, filters, includes, error forms."""

from typing import Any

import pytest

from service.sandbox.seed import (
    DEFAULT_SEED,
    EMPTY,
    LONG_ID,
    MSP,
    PARENT,
    TEST_COMPANY,
    TWINS,
    WITH_COMMA,
    WITH_DEPENDENTS,
)
from service.sandbox.settings import SandboxSettings
from service.sandbox.shapes import Holds, Psa, Seed, SeedOrganization
from tests.support.sandbox import MEDIA_TYPE, Caller, calling

EVERY_ORGANIZATION = len(DEFAULT_SEED.organizations)


@pytest.mark.parametrize(
    ("key", "status", "body"),
    [
        (
            None,
            401,
            {
                "errors": [
                    {
                        "status": 401,
                        "title": "Unauthorized",
                        "detail": "Unauthorized resource access",
                        "source": {"pointer": "id"},
                    }
                ]
            },
        ),
        ("ITG.other", 403, {"message": "Forbidden"}),
    ],
)
def test_a_wrong_key(caller: Caller, key: str | None, status: int, body: dict[str, Any]) -> None:
    stranger = Caller(str(caller.http.base_url), key=key)
    response = stranger.get("/organizations")
    stranger.close()
    assert (response.status_code, response.json()) == (status, body)
    assert response.headers["content-type"] == MEDIA_TYPE


def test_the_key_is_a_setting() -> None:
    with calling(SandboxSettings(api_key="ITG.mine")) as caller:
        assert caller.get("/organizations").status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain"])
def test_a_payload_without_the_content_type_is_415(caller: Caller, content_type: str) -> None:
    body = {"data": [{"type": "organizations", "attributes": {"id": EMPTY}}]}
    response = caller.send("DELETE", "/organizations", body, content_type)
    assert response.status_code == 415
    assert caller.exists(EMPTY)


def test_a_content_type_may_have_parameters(caller: Caller) -> None:
    body = {"data": {"type": "organizations", "attributes": {"alert": None}}}
    response = caller.send(
        "PATCH", f"/organizations/{EMPTY}", body, "application/vnd.api+json; charset=utf-8"
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/organisations"),
        ("GET", "/documents"),
        ("GET", f"/organizations/{EMPTY}/configurations"),
        ("DELETE", f"/organizations/{EMPTY}"),
        ("POST", "/organizations"),
        ("GET", "/organizations/"),
    ],
)
def test_what_is_no_route_answers_an_html_page(caller: Caller, method: str, path: str) -> None:
    response = caller.send(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "The page you were looking for doesn't exist (404)" in response.text
    assert caller.exists(EMPTY)


@pytest.mark.parametrize("given", ["999", "abc", "-1", "99999999999999999999"])
def test_an_organization_that_is_not_there(caller: Caller, given: str) -> None:
    response = caller.get(f"/organizations/{given}")
    assert response.status_code == 404
    assert response.json()["errors"][0]["status"] == 404


def test_an_organization_has_the_documented_attributes_and_its_link(caller: Caller) -> None:
    body = caller.get(
        f"/organizations/{TEST_COMPANY}", include="adapters_resources,attachments"
    ).json()
    assert body["data"]["type"] == "organizations"
    assert body["data"]["id"] == str(TEST_COMPANY)
    # The names of the example on https://api.itglue.com/developer, and the two MyGlue ones.
    assert set(body["data"]["attributes"]) == {
        "name", "alert", "description", "organization-type-id", "organization-type-name",
        "organization-status-id", "organization-status-name", "primary", "logo", "quick-notes",
        "short-name", "created-at", "updated-at", "parent-id", "ancestor-ids",
        "my-glue-account-id", "my-glue-account-status",
    }  # fmt: skip
    assert body["data"]["attributes"]["organization-status-id"] == 69
    assert body["data"]["attributes"]["parent-id"] is None
    (link,) = body["data"]["relationships"]["adapters-resources"]["data"]
    (included,) = body["included"]
    assert link == {"id": included["id"], "type": "adapters-resources"}
    assert included["attributes"]["remote-id"] == "2"
    assert body["data"]["relationships"]["attachments"] == {"data": []}


@pytest.mark.parametrize("name", ["adapters_resources", "adapters-resources"])
def test_include_takes_both_cases_in_lists_too(caller: Caller, name: str) -> None:
    query = {"include": name, "filter[id]": f"{TEST_COMPANY},{EMPTY}"}
    body = caller.http.get("/organizations", params=query).json()
    links = {
        each["id"]: each["relationships"]["adapters-resources"]["data"] for each in body["data"]
    }
    assert [each["attributes"]["remote-id"] for each in body["included"]] == ["2"]
    assert (len(links[str(TEST_COMPANY)]), links[str(EMPTY)]) == (1, [])


def test_without_include_the_link_is_not_shown(caller: Caller) -> None:
    body = caller.get(f"/organizations/{TEST_COMPANY}").json()
    assert "included" not in body
    assert body["data"]["relationships"] == {}


def test_attachments_are_included(caller: Caller) -> None:
    body = caller.get(f"/organizations/{WITH_DEPENDENTS}", include="attachments").json()
    assert [each["type"] for each in body["included"]] == ["attachments"]
    assert len(body["data"]["relationships"]["attachments"]["data"]) == 1


def test_the_parent_comes_in_the_documented_form(caller: Caller) -> None:
    attributes = caller.get("/organizations/305").json()["data"]["attributes"]
    assert (attributes["parent-id"], attributes["ancestor-ids"]) == ("304", f"[{PARENT},304]")


def test_pages(caller: Caller) -> None:
    query: dict[str, Any] = {
        "page[size]": 8,
        "page[number]": 2,
        "filter[organization_type_id]": "15,86,87",
    }
    body = caller.http.get("/organizations", params=query).json()
    pages = -(-EVERY_ORGANIZATION // 8)
    assert body["meta"] == {
        "current-page": 2,
        "next-page": 3,
        "prev-page": 1,
        "total-pages": pages,
        "total-count": EVERY_ORGANIZATION,
        "filters": {},
    }
    seen = len(body["data"])
    while body["links"]["next"]:
        body = caller.http.get(body["links"]["next"]).json()
        seen += len(body["data"])
    assert body["meta"]["current-page"] == pages
    assert body["meta"]["next-page"] is None
    assert seen == EVERY_ORGANIZATION - 8
    assert caller.http.get(body["links"]["first"]).json()["meta"]["current-page"] == 1


def test_an_empty_list_is_200_with_no_pages(caller: Caller) -> None:
    response = caller.get("/organizations", **{"filter[name]": "Nobody"})
    assert response.status_code == 200
    assert response.json()["data"] == []
    assert response.json()["meta"]["total-pages"] == 0
    assert response.json()["meta"]["total-count"] == 0


def test_page_size_is_50_by_default_and_1000_at_most() -> None:
    holds = Holds(configurations=1201)
    seed = Seed(
        organizations=(SeedOrganization(id=5, name="Long Shelf Storage", holds=holds),),
        statuses={1: "Active"},
        types={2: "Customer"},
        flexible_asset_types={},
    )
    with calling(SandboxSettings(seed=seed)) as caller:
        for size, shown in ((None, 50), (1000, 1000), (5000, 1000), ("x", 50), (0, 50)):
            query = {} if size is None else {"page[size]": size}
            body = caller.http.get("/configurations", params=query).json()
            assert (len(body["data"]), body["meta"]["total-count"]) == (shown, 1201)


def test_an_unknown_filter_is_ignored_and_everything_returned(caller: Caller) -> None:
    for name in (
        "filter[not-a-real-key]",
        "filter[organization-status-id]",
        "filter[parent_id]",
        "filter[name][cont]",
    ):
        assert len(caller.ids("/organizations", {name: "x"})) == EVERY_ORGANIZATION


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"filter[id]": f"{EMPTY}"}, [EMPTY]),
        ({"filter[id]": f"{EMPTY},{MSP},999"}, [MSP, EMPTY]),
        ({"filter[id]": str(LONG_ID)}, [LONG_ID]),
        ({"filter[name]": "TestCompany"}, [TEST_COMPANY]),
        ({"filter[name]": "testcompany"}, []),
        ({"filter[name]": "TestComp"}, []),
        ({"filter[name]": "Saffron Bicycle Repair"}, [*TWINS]),
        ({"filter[name]": "Moss, Fern and Partners"}, []),
        ({"filter[name]": r"Moss\, Fern and Partners"}, [WITH_COMMA]),
        ({"filter[name]": "TestCompany,Velvet Anchor Laundry"}, [TEST_COMPANY, EMPTY]),
        ({"filter[primary]": "true"}, [MSP]),
        ({"filter[primary]": "1", "filter[name]": "TestCompany"}, []),
        ({"filter[organization_type_id]": "87"}, [401]),
        ({"filter[psa_id]": "2", "filter[psa_integration_type]": "manage"}, [TEST_COMPANY]),
        ({"filter[psa_id]": "2", "filter[psa_integration_type]": "autotask"}, []),
        ({"filter[psa_id]": "174", "filter[psa_integration_type]": "autotask"}, [313]),
    ],
)
def test_documented_filters(caller: Caller, filters: dict[str, str], expected: list[int]) -> None:
    assert caller.ids("/organizations", filters) == [str(each) for each in expected]


def test_a_psa_id_alone_has_no_effect(caller: Caller) -> None:
    assert len(caller.ids("/organizations", {"filter[psa_id]": "2"})) == EVERY_ORGANIZATION


def test_exclude(caller: Caller) -> None:
    ids = caller.ids("/organizations", {"filter[exclude][id]": f"{MSP},{EMPTY}"})
    assert len(ids) == EVERY_ORGANIZATION - 2
    assert not {str(MSP), str(EMPTY)} & set(ids)
    active = {"filter[exclude][organization_status_id]": "69", "filter[primary]": "false"}
    assert "201" in caller.ids("/organizations", active)
    assert str(EMPTY) not in caller.ids("/organizations", active)


def test_sort(caller: Caller) -> None:
    names = [it["attributes"]["name"] for it in caller.records("/organizations", {"sort": "-name"})]
    assert names == sorted(names, reverse=True)
    twins = {"filter[name]": "Saffron Bicycle Repair", "sort": "name,-created_at"}
    assert caller.ids("/organizations", twins) == [str(TWINS[1]), str(TWINS[0])]


def test_quick_notes_are_cut_in_lists_only(caller: Caller) -> None:
    caller.control(f"organizations/{EMPTY}", {"quick_notes": "n" * 300})
    (listed,) = caller.records("/organizations", {"filter[id]": EMPTY})
    shown = caller.get(f"/organizations/{EMPTY}").json()["data"]
    assert len(listed["attributes"]["quick-notes"]) == 250
    assert len(shown["attributes"]["quick-notes"]) == 300


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/organization_statuses", ["Active", "Inactive", "Testing Only"]),
        ("/organization_types", ["Owner", "Customer", "Vendor"]),
    ],
)
def test_vocabularies(caller: Caller, path: str, names: list[str]) -> None:
    entries = caller.records(path)
    assert [each["attributes"]["name"] for each in entries] == names


@pytest.mark.parametrize(
    ("organization_id", "attributes", "status"),
    [
        (EMPTY, {"organization-status-id": 68}, 200),
        (EMPTY, {"organization_status_id": "68"}, 200),
        (EMPTY, {"organization-status-id": 1}, 422),
        (EMPTY, {"name": None}, 422),
        (TEST_COMPANY, {"organization-status-id": 68}, 422),
        (TEST_COMPANY, {"name": "Other"}, 422),
        (TEST_COMPANY, {"quick-notes": "n", "alert": "a", "description": None}, 200),
        (312, {"organization-status-id": 68}, 200),
        (999, {"alert": "a"}, 404),
    ],
)
def test_patch(organization_id: int, attributes: dict[str, Any], status: int) -> None:
    with calling() as caller:
        before = caller.get(f"/organizations/{organization_id}").json()
        body = {"data": {"type": "organizations", "attributes": attributes}}
        response = caller.send("PATCH", f"/organizations/{organization_id}", body)
        after = caller.get(f"/organizations/{organization_id}").json()
    assert response.status_code == status
    if status == 200:
        assert response.json()["data"]["attributes"] == after["data"]["attributes"]
        for name, value in attributes.items():
            shown = after["data"]["attributes"][name.replace("_", "-")]
            assert str(shown) == str(value)
    else:
        assert after == before


def test_patch_bodies_that_are_not_understood(caller: Caller) -> None:
    bodies: tuple[Any, ...] = ([], {"data": []}, {"data": {"type": "organizations"}})
    for body in bodies:
        assert caller.send("PATCH", f"/organizations/{EMPTY}", body).status_code == 400


def test_the_budget_is_spent_and_comes_back() -> None:
    with calling(SandboxSettings(requests_per_5_minutes=2, retry_after=7)) as caller:
        assert [caller.get("/organizations").status_code for _ in range(3)] == [200, 200, 429]
        response = caller.get("/organizations")
        assert response.headers["retry-after"] == "7"
        caller.advance(299)
        assert caller.get("/organizations").status_code == 429
        caller.advance(1)
        assert caller.get("/organizations").status_code == 200


def test_a_seed_of_ones_own() -> None:
    seed = Seed(
        organizations=(
            SeedOrganization(
                id=7, name="Wooden Spoon Diner", status="Gone", psa=Psa("vorex", "a-1")
            ),
        ),
        statuses={3: "Gone"},
        types={4: "Customer"},
        flexible_asset_types={},
    )
    with calling(SandboxSettings(seed=seed)) as caller:
        query = {"filter[psa_id]": "a-1", "filter[psa_integration_type]": "vorex"}
        (found,) = caller.records("/organizations", query)
    assert found["attributes"]["organization-status-name"] == "Gone"
