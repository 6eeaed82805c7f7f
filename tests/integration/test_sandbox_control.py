"""Looking behind the curtain, and moving the scenery."""

from datetime import UTC, datetime

import anyio
import httpx
import pytest

from service.sandbox.app import create_sandbox
from service.sandbox.seed import BUSY, EMPTY, TEST_COMPANY
from service.sandbox.settings import SandboxSettings
from tests.support.sandbox import MEDIA_TYPE, Caller, calling


def test_the_log_of_requests(caller: Caller) -> None:
    caller.get("/organizations", **{"filter[id]": "5"})
    caller.delete(EMPTY)
    caller.get("/nowhere")
    first, second, third = caller.requests()
    assert (first["method"], first["path"], first["query"]) == (
        "GET", "/organizations", "filter%5Bid%5D=5",
    )  # fmt: skip
    assert (first["body"], first["key"], first["outcome"]) == (None, "right", "answered")
    assert second["body"] == {"data": [{"type": "organizations", "attributes": {"id": EMPTY}}]}
    assert (second["status"], second["effect"]) == (200, f"marked {EMPTY} (by id)")
    assert (third["status"], third["number"]) == (404, 3)
    order = [first["started"], first["finished"], second["started"], second["finished"]]
    assert order == sorted(order)
    assert caller.control("requests?method=DELETE")["requests"] == [second]
    assert caller.control("requests?since=2")["requests"] == [third]


async def test_overlapping_requests_can_be_told_from_the_log() -> None:
    with calling(SandboxSettings(latency_ms=100)) as caller:
        async with (
            httpx.AsyncClient(base_url=caller.http.base_url, headers=caller.http.headers) as http,
            anyio.create_task_group() as tasks,
        ):
            for organization_id in (EMPTY, TEST_COMPANY):
                item = {"type": "organizations", "attributes": {"id": organization_id}}
                request = http.build_request(
                    "DELETE",
                    "/organizations",
                    json={"data": [item]},
                    headers={"content-type": MEDIA_TYPE},
                )
                tasks.start_soon(http.send, request)
        first, second = caller.requests()
    assert second["started"] < first["finished"]
    assert first["started"] < second["finished"]
    assert (first["status"], second["status"]) == (200, 200)


def test_the_world(caller: Caller) -> None:
    caller.delete(EMPTY)
    caller.advance(0.5)
    world = caller.control("world")
    (shown,) = [each for each in world["organizations"] if each["id"] == str(EMPTY)]
    assert shown["marked"] is True
    assert shown["removal_in_seconds"] == 1.5
    (busy,) = [each for each in world["organizations"] if each["id"] == str(BUSY)]
    assert busy["psa"] == {"integration": "manage", "company_id": "11", "synced": True}
    assert busy["records"]["configurations"] == 10
    caller.advance(1.5)
    assert caller.control("world")["removed"] == [str(EMPTY)]


def test_an_organization_is_changed_behind_everybody_s_back(caller: Caller) -> None:
    caller.control(
        f"organizations/{TEST_COMPANY}",
        {
            "name": "Other",
            "status": "Active",
            "quick-notes": "#keep",
            "created_at": "2026-01-01T00:00:00.000Z",
            "psa": {"integration": "autotask", "company_id": "9"},
        },
    )
    query = {"filter[psa_id]": "9", "filter[psa_integration_type]": "autotask"}
    (found,) = caller.records("/organizations", query)
    attributes = found["attributes"]
    assert (attributes["name"], attributes["quick-notes"]) == ("Other", "#keep")
    assert attributes["organization-status-id"] == 68
    assert attributes["created-at"] == "2026-01-01T00:00:00.000Z"
    assert attributes["updated-at"] == "2026-01-22T10:30:00.000Z"
    caller.control(f"organizations/{TEST_COMPANY}", {"psa": None})
    assert caller.ids("/organizations", query) == []


def test_an_organization_is_replaced_by_another_one(caller: Caller) -> None:
    caller.faults(recreate_after_sync=1)
    caller.delete(BUSY)
    caller.control(f"organizations/{BUSY}", {"recreate": True})
    caller.advance(60)
    assert caller.ids("/organizations", {"filter[name]": "Copper Kettle Bakery"}) == [str(BUSY)]
    attributes = caller.get(f"/organizations/{BUSY}").json()["data"]["attributes"]
    assert attributes["created-at"] == "2026-01-22T10:30:00.000Z"
    assert caller.ids("/passwords", {"filter[organization_id]": BUSY}) == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("organizations/999", {}, 404),
        (f"organizations/{EMPTY}", {"colour": "red"}, 422),
        (f"organizations/{EMPTY}", {"name": None}, 422),
        (f"organizations/{EMPTY}", {"status": "Nowhere", "name": "x"}, 422),
        (f"organizations/{EMPTY}", [], 422),
        ("faults", {"html": True, "nonsense": True}, 422),
        ("faults", [], 422),
        ("advance", {}, 422),
        ("advance", {"seconds": "1"}, 422),
    ],
)
def test_refused_changes_do_nothing(caller: Caller, path: str, body: object, status: int) -> None:
    before = caller.control("world"), caller.control("faults")
    response = caller.http.post(f"/_sandbox/{path}", json=body)
    assert response.status_code == status
    assert response.json()["error"]
    assert (caller.control("world"), caller.control("faults")) == before


def test_faults_in_force_are_listed_and_lifted(caller: Caller) -> None:
    caller.faults(html={"count": 1}, lag=5)
    caller.get("/contacts")
    active = caller.control("faults")["active"]
    assert (active["html"]["struck"], active["lag"]["value"]) == (1, 5)
    caller.faults(html=None, lag=False)
    assert caller.control("faults")["active"] == {}


def test_reset(caller: Caller) -> None:
    caller.faults(html={"method": "POST"})
    caller.control(f"organizations/{EMPTY}", {"name": "Other"})
    caller.delete(TEST_COMPANY)
    caller.advance(60)
    caller.control("reset", {})
    assert caller.requests() == []
    assert caller.control("faults")["active"] == {}
    assert caller.exists(TEST_COMPANY)
    attributes = caller.get(f"/organizations/{EMPTY}").json()["data"]["attributes"]
    assert attributes["name"] == "Velvet Anchor Laundry"


def test_control_needs_no_key_and_is_not_logged(caller: Caller) -> None:
    stranger = Caller(str(caller.http.base_url), key=None)
    assert stranger.control("world")["organizations"]
    assert stranger.requests() == []
    stranger.close()


async def test_a_server_that_cannot_cut_a_connection_raises() -> None:
    now = datetime(2026, 1, 22, tzinfo=UTC)
    settings = SandboxSettings.model_validate({"faults": ["drop-before@GET"]})
    app = create_sandbox(settings, now=lambda: now)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://sandbox"
    ) as http:
        with pytest.raises(ConnectionAbortedError):
            await http.get("/organizations")
