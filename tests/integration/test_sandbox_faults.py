"""Everything that can be made to go wrong does go wrong, and says so in the log."""

import logging
from typing import Any

import httpx
import pytest

from service.sandbox.faults import FAULTS, InvalidFault, parse_fault
from service.sandbox.seed import EMPTY, GRANDCHILD, MSP, PARENT, TEST_COMPANY, WITH_DEPENDENTS
from service.sandbox.settings import SandboxSettings
from service.sandbox.world import LONG_ID_OFFSET
from tests.support.sandbox import Caller, calling

REMOVAL = SandboxSettings().removal_seconds


def test_every_fault_has_its_line() -> None:
    assert set(FAULTS) == {
        "lag", "accept-and-do-nothing", "refuse-synced", "recreate-after-sync", "ignore-filters",
        "wrong-organization", "rename-before-delete", "recreate-before-delete", "html", "429",
        "drop-before", "drop-after", "partial-page", "wrong-typed-ids", "parent-id", "forbid",
        "slow", "timeout", "bad-export", "hide", "repeat",
    }  # fmt: skip
    assert all(text and "\n" not in text for text in FAULTS.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lag=30", ("lag", 30.0, None, None, None)),
        ("lag", ("lag", 60.0, None, None, None)),
        ("html@DELETE:1", ("html", None, 1, "DELETE", None)),
        ("html@GET /exports/*:2", ("html", None, 2, "GET", "/exports/*")),
        ("slow=800@/passwords", ("slow", 800.0, None, None, "/passwords")),
        ("drop-after", ("drop-after", None, None, "DELETE", None)),
        ("drop-after@POST", ("drop-after", None, None, "POST", None)),
        ("429=3:5", ("429", 3.0, 5, None, None)),
        ("forbid=documents", ("forbid", "documents,403", None, None, None)),
        ("forbid=all,401:1", ("forbid", "all,401", 1, None, None)),
        ("parent-id=number", ("parent-id", "number", None, None, None)),
        ("wrong-typed-ids", ("wrong-typed-ids", "swapped", None, None, None)),
    ],
)
def test_faults_as_text(text: str, expected: tuple[Any, ...]) -> None:
    name, fault = parse_fault(text)
    assert (name, fault.value, fault.count, fault.method, fault.path) == expected


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "",
        "lag=soon",
        "lag=-1",
        "lag=inf",
        "html=1",
        "html:0",
        "html@delete",
        "slow",
        "slow=1e9",
        "forbid",
        "forbid=documents,200",
        "parent-id=upside-down",
        "rename-before-delete=0",
    ],
)
def test_faults_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidFault):
        parse_fault(text)
    with pytest.raises(ValueError, match="faults"):
        SandboxSettings.model_validate({"faults": [text]})


def test_faults_from_the_start() -> None:
    by_list = SandboxSettings.model_validate({"faults": ["forbid=all,401:1"]})
    by_name = SandboxSettings.model_validate(
        {"faults": {"forbid": {"value": "all,401", "count": 1}, "html": False}}
    )
    assert by_list.faults == by_name.faults
    with calling(by_list) as caller:
        assert [caller.get("/contacts").status_code for _ in range(2)] == [401, 200]
        caller.control("reset", {})
        assert caller.get("/contacts").status_code == 401


def test_lag(caller: Caller) -> None:
    caller.faults(lag={"value": 3600, "count": 1})
    caller.delete(EMPTY)
    caller.delete(TEST_COMPANY)
    caller.advance(3599)
    assert caller.exists(EMPTY)
    assert not caller.exists(TEST_COMPANY)
    caller.advance(1)
    assert not caller.exists(EMPTY)


def test_accept_and_do_nothing(caller: Caller) -> None:
    caller.faults(accept_and_do_nothing=True)
    assert [each["id"] for each in caller.delete(EMPTY).json()["data"]] == [str(EMPTY)]
    caller.advance(1_000_000)
    assert caller.exists(EMPTY)
    assert caller.requests()[0]["effect"] == "did nothing (by id)"


def test_refuse_synced(caller: Caller) -> None:
    caller.faults(refuse_synced={"count": 1})
    assert caller.delete(EMPTY).status_code == 200
    refused = caller.delete(TEST_COMPANY)
    assert refused.status_code == 422
    assert "externally synced" in refused.json()["errors"][0]["detail"]
    caller.advance(REMOVAL)
    assert caller.exists(TEST_COMPANY)
    assert caller.delete(TEST_COMPANY).status_code == 200


def test_refuse_synced_spares_an_orphan(caller: Caller) -> None:
    caller.faults(refuse_synced=True)
    assert caller.delete(312).status_code == 200


def test_recreate_after_sync(caller: Caller) -> None:
    caller.faults(recreate_after_sync=10)
    caller.delete(WITH_DEPENDENTS)
    caller.advance(REMOVAL)
    query = {"filter[psa_id]": "21", "filter[psa_integration_type]": "manage"}
    assert caller.ids("/organizations", query) == []
    caller.advance(10)
    (new,) = caller.records("/organizations", query)
    assert new["id"] != str(WITH_DEPENDENTS)
    assert new["attributes"]["name"] == "Paper Moon Cinema"
    assert new["attributes"]["created-at"] == "2026-01-22T10:30:12.000Z"
    assert not caller.exists(WITH_DEPENDENTS)
    assert caller.ids("/configurations", {"filter[organization_id]": new["id"]}) == []


def test_an_orphan_is_not_recreated(caller: Caller) -> None:
    caller.faults(recreate_after_sync=1)
    caller.delete(312)
    caller.advance(REMOVAL + 1)
    assert caller.ids("/organizations", {"filter[name]": "Kettle Drum Archives"}) == []


def test_ignore_filters(caller: Caller) -> None:
    everything = len(caller.ids("/organizations"))
    caller.faults(ignore_filters=True)
    query = {"filter[psa_id]": "2", "filter[psa_integration_type]": "manage"}
    assert len(caller.ids("/organizations", query)) == everything
    owners = {
        each["attributes"]["organization-id"]
        for each in caller.records("/configurations", {"filter[organization_id]": EMPTY})
    }
    assert len(owners) > 1
    assert caller.get("/flexible_assets").status_code == 422
    documents = f"/organizations/{WITH_DEPENDENTS}/relationships/documents"
    assert len(caller.ids(documents, {"filter[document_folder_id]": "null"})) == 2


def test_wrong_organization_by_id(caller: Caller) -> None:
    caller.faults(wrong_organization={"count": 1})
    query = {"filter[id]": EMPTY}
    assert caller.ids("/organizations", query) == [str(EMPTY)]
    assert caller.get(f"/organizations/{EMPTY}").json()["data"]["id"] == "312"
    assert caller.get(f"/organizations/{EMPTY}").json()["data"]["id"] == str(EMPTY)


def test_wrong_organization_in_a_filtered_list(caller: Caller) -> None:
    caller.faults(wrong_organization={"path": "/organizations"})
    query = {"filter[psa_id]": "2", "filter[psa_integration_type]": "manage"}
    assert caller.ids("/organizations", query) == [str(WITH_DEPENDENTS)]
    assert caller.exists(EMPTY)


def test_wrong_organization_named_by_a_delete(caller: Caller) -> None:
    caller.faults(wrong_organization={"method": "DELETE"})
    assert [each["id"] for each in caller.delete(EMPTY).json()["data"]] == ["312"]
    caller.advance(REMOVAL)
    assert not caller.exists(EMPTY)
    assert caller.exists(312)


def test_rename_before_delete(caller: Caller) -> None:
    caller.exists(EMPTY)
    caller.faults(rename_before_delete=2)
    names = [
        caller.get(f"/organizations/{EMPTY}").json()["data"]["attributes"]["name"] for _ in range(4)
    ]
    old = "Velvet Anchor Laundry"
    assert names == [old, old, f"{old} (renamed)", f"{old} (renamed)"]
    assert [each["faults"] for each in caller.requests()][1:] == [
        [], ["rename-before-delete"], [], [],
    ]  # fmt: skip


def test_recreate_before_delete(caller: Caller) -> None:
    caller.faults(recreate_before_delete={"path": f"/organizations/{WITH_DEPENDENTS}"})
    reads = [caller.get(f"/organizations/{WITH_DEPENDENTS}").json()["data"] for _ in range(2)]
    assert reads[0]["id"] == reads[1]["id"]
    assert reads[0]["attributes"]["name"] == reads[1]["attributes"]["name"]
    assert reads[1]["attributes"]["created-at"] == "2026-01-22T10:30:00.000Z"
    assert caller.ids("/configurations", {"filter[organization_id]": WITH_DEPENDENTS}) == []
    others = [caller.get(f"/organizations/{EMPTY}").json()["data"] for _ in range(2)]
    assert others[0] == others[1]


def test_html(caller: Caller) -> None:
    caller.faults(html={"count": 1})
    response = caller.delete(EMPTY)
    assert response.status_code == 502
    assert response.headers["content-type"].startswith("text/html")
    caller.advance(REMOVAL)
    assert caller.exists(EMPTY)


def test_429_storm(caller: Caller) -> None:
    caller.faults(**{"429": {"value": 4, "count": 2}})
    responses = [caller.get("/organizations") for _ in range(3)]
    assert [each.status_code for each in responses] == [429, 429, 200]
    assert responses[0].headers["retry-after"] == "4"
    caller.faults(**{"429": {"count": 1}})
    assert "retry-after" not in caller.get("/organizations").headers


@pytest.mark.parametrize("fault", ["drop-before", "drop-after"])
def test_dropped_connections(caller: Caller, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    caller.faults(**{fault: {"count": 1}})
    caller.exists(MSP)  # the connection is kept alive and reused
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        caller.delete(EMPTY)
    entry = caller.requests()[-1]
    outcome = fault.replace("drop", "dropped")
    assert (entry["outcome"], entry["status"], entry["faults"]) == (outcome, None, [fault])
    caller.advance(REMOVAL)
    assert caller.exists(EMPTY) == (fault == "drop-before")
    assert caplog.records == []


def test_a_read_is_dropped_if_the_fault_says_so(caller: Caller) -> None:
    caller.faults(drop_before={"method": "GET", "path": "/contacts"})
    assert caller.exists(EMPTY)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        caller.get("/contacts")


def test_partial_page(caller: Caller) -> None:
    query = {"page[size]": 7, "page[number]": 2}
    whole = caller.http.get("/organizations", params=query).json()
    caller.faults(partial_page={"count": 1})
    short = caller.http.get("/organizations", params=query).json()
    assert short["data"] == whole["data"][:-1]
    assert short["meta"] == whole["meta"]
    assert caller.http.get("/organizations", params=query).json() == whole


def test_wrong_typed_ids_swapped(caller: Caller) -> None:
    caller.faults(wrong_typed_ids=True)
    body = caller.get(f"/organizations/{TEST_COMPANY}", include="adapters_resources").json()
    assert body["data"]["id"] == TEST_COMPANY
    assert body["data"]["attributes"]["organization-status-id"] == "69"
    assert body["included"][0]["attributes"]["remote-id"] == 2
    (first, *_) = caller.records("/configurations")
    assert isinstance(first["id"], int)
    assert isinstance(first["attributes"]["organization-id"], str)


def test_wrong_typed_ids_long(caller: Caller) -> None:
    caller.faults(wrong_typed_ids="long")
    long = LONG_ID_OFFSET + GRANDCHILD
    assert len(str(long)) == 16
    (found,) = caller.records("/organizations", {"filter[name]": "Tin Whistle Deliveries"})
    assert found["id"] == str(long)
    attributes = caller.get(f"/organizations/{long}").json()["data"]["attributes"]
    assert attributes["parent-id"] == str(LONG_ID_OFFSET + 304)
    assert attributes["ancestor-ids"] == (f"[{LONG_ID_OFFSET + PARENT},{LONG_ID_OFFSET + 304}]")
    owned = caller.records("/configurations", {"filter[organization_id]": long})
    assert {each["attributes"]["organization-id"] for each in owned} == {long}
    assert [each["id"] for each in caller.delete(long).json()["data"]] == [str(long)]
    caller.advance(REMOVAL)
    assert not caller.exists(GRANDCHILD)


@pytest.mark.parametrize(
    ("form", "parent", "ancestors"),
    [
        ("stringified", "304", f"[{PARENT},304]"),
        ("null", None, f"[{PARENT},304]"),
        ("number", 304, 304),
        ("string", "304", "304"),
        ("array", 304, [PARENT, 304]),
        ("strings", "304", [str(PARENT), "304"]),
    ],
)
def test_parent_id_forms(caller: Caller, form: str, parent: object, ancestors: object) -> None:
    caller.faults(parent_id=form)
    for path in (f"/organizations/{GRANDCHILD}", f"/organizations?filter[id]={GRANDCHILD}"):
        data = caller.get(path).json()["data"]
        attributes = (data[0] if isinstance(data, list) else data)["attributes"]
        assert (attributes["parent-id"], attributes["ancestor-ids"]) == (parent, ancestors)
    alone = caller.get(f"/organizations/{EMPTY}").json()["data"]["attributes"]
    assert (alone["parent-id"], alone["ancestor-ids"]) == (None, None)


@pytest.mark.parametrize("status", [401, 403, 404, 422, 500])
def test_forbid_one_kind(caller: Caller, status: int) -> None:
    caller.faults(forbid=f"documents,{status}")
    documents = f"/organizations/{WITH_DEPENDENTS}/relationships/documents"
    assert caller.get(documents).status_code == status
    assert caller.exists(WITH_DEPENDENTS)
    assert caller.get("/passwords").status_code == 200


def test_forbid_everything(caller: Caller) -> None:
    caller.faults(forbid="all,401")
    assert caller.get("/organizations").json()["errors"][0]["title"] == "Unauthorized"
    assert caller.delete(EMPTY).status_code == 401


def test_slow(caller: Caller) -> None:
    caller.faults(slow={"value": 150, "path": "/contacts"})
    assert caller.get("/contacts").elapsed.total_seconds() >= 0.15
    with pytest.raises(httpx.ReadTimeout):
        caller.http.get("/contacts", timeout=0.05)


def test_latency_is_a_setting() -> None:
    with calling(SandboxSettings(latency_ms=60)) as caller:
        assert caller.get("/contacts").elapsed.total_seconds() >= 0.06


def test_a_timeout_that_ends_in_an_answer(caller: Caller) -> None:
    caller.faults(timeout={"value": 0, "count": 1})
    response = caller.delete(EMPTY)
    assert response.status_code == 504
    detail = response.json()["errors"][0]["detail"]
    assert detail == "The request took too long to process and timed out."
    caller.advance(REMOVAL)
    assert not caller.exists(EMPTY)


def test_a_timeout_that_the_client_does_not_wait_for(caller: Caller) -> None:
    caller.faults(timeout={"count": 1})
    with pytest.raises(httpx.ReadTimeout):
        caller.http.get("/organizations", timeout=0.1)
    assert caller.get("/organizations").status_code == 200
    assert caller.requests()[0]["status"] is None
