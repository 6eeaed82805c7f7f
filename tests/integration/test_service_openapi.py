"""What the running service answers is what its own description says."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.support.deletions import ended
from tests.support.service import Service
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry

NOW = datetime.now(UTC)
WITH_KEYS = {
    "notifications": {"ops": {"url": "https://hooks.example.com/x", "format": "json"}},
    "schedules": {"monthly": {"cron": "0 3 1 * *"}},
}


@pytest.fixture(scope="module")
def api(service: Service) -> dict[str, Any]:
    answer = service.http.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def fits(api: dict[str, Any], path: str, answer: httpx.Response) -> None:
    """The answer is one of those that the document has for it."""
    operation = api["paths"][path][answer.request.method.lower()]
    assert str(answer.status_code) in operation["responses"], (path, answer.status_code)
    content = operation["responses"][str(answer.status_code)]["content"]
    schema = content[answer.headers["content-type"].partition(";")[0]]["schema"]
    if answer.headers["content-type"].startswith("application/json"):
        whole = {**schema, "components": api["components"]}
        checker = Draft202012Validator.FORMAT_CHECKER
        Draft202012Validator(whole, format_checker=checker).validate(answer.json())


@pytest.mark.usefixtures("redis")
async def test_answers_as_described(service: Service, ledger: Ledger, api: dict[str, Any]) -> None:
    why = ErrorEntry("PermissionDenied", "why", "2026-11-28T09:00:00Z")
    await ended(ledger, "del_1", NOW, errors=[why], url="https://rewst.example.com/hook")
    await ledger.spools.beat("spl_1", NOW, where="here", waiting=1, oldest=NOW, aside=("cw",))
    delivered = service.send(service.callback(2))
    fits(api, "/webhooks/{source}", delivered)
    fits(api, "/webhooks/{source}", service.send(service.callback(3), key="another"))
    fits(api, "/webhooks/{source}", service.send(b"{}", source="nobody"))
    reason = {"reason": "why not"}
    asked = service.ask({"org_id": "302", "confirm_delete": True})
    one = "/v1/deletions/{deletion_id}"
    made = asked.json()["id"]
    fits(api, "/v1/deletions", asked)
    fits(api, "/v1/deletions", service.ask({"org_id": 302}))
    fits(api, "/v1/deletions", service.ask({"org_name": "x"}, operator="dave"))
    delivery = f"/v1/deliveries/{delivered.json()['delivery_id']}"
    begun = service.call("POST", "/v1/replays", json={"what": "deletions", "ids": ["del_1"]})
    fits(api, "/v1/replays", begun)
    swept = service.call("POST", "/v1/schedules/monthly/sweep")
    fits(api, "/v1/schedules/{name}/sweep", swept)
    told = service.call("POST", "/v1/notifications/test")
    fits(api, "/v1/notifications/test", told)
    for method, path, template, body in (
        ("GET", "/v1/deletions/del_1", one, None),
        ("GET", "/v1/deletions/del_none", one, None),
        ("POST", f"/v1/deletions/{made}/approve", f"{one}/approve", {"digest": "x"}),
        ("POST", f"/v1/deletions/{made}/reject", f"{one}/reject", reason),
        ("POST", f"/v1/deletions/{made}/cancel", f"{one}/cancel", None),
        ("POST", "/v1/deletions/del_1/cancel", f"{one}/cancel", None),
        ("POST", "/v1/deletions/del_1/replay", f"{one}/replay", None),
        ("GET", "/v1/deletions/del_1", one, None),
        ("GET", "/v1/deletions", "/v1/deletions", None),
        ("GET", "/v1/deletions?state=lost", "/v1/deletions", None),
        ("GET", "/v1/deliveries", "/v1/deliveries", None),
        ("GET", delivery, "/v1/deliveries/{delivery_id}", None),
        ("POST", "/v1/deliveries/dismiss", "/v1/deliveries/dismiss", {**reason, "ids": ["dlv_x"]}),
        ("GET", "/v1/holds", "/v1/holds", None),
        ("GET", "/v1/status", "/v1/status", None),
        ("GET", "/v1/results", "/v1/results", None),
        ("GET", f"/v1/report?month={NOW:%Y-%m}", "/v1/report", None),
        ("GET", "/v1/report?month=x", "/v1/report", None),
        ("GET", "/v1/audit", "/v1/audit", None),
        ("GET", "/v1/audit/verify", "/v1/audit/verify", None),
        ("GET", "/v1/audit/verify?expect_head=x", "/v1/audit/verify", None),
        ("GET", "/v1/sources", "/v1/sources", None),
        ("POST", "/v1/sources/cw/cancel", "/v1/sources/{source}/cancel", reason),
        ("POST", "/v1/protections", "/v1/protections", {**reason, "org_id": "9"}),
        ("POST", "/v1/protections", "/v1/protections", {**reason, "org_id": "x"}),
        ("GET", "/v1/protections", "/v1/protections", None),
        ("DELETE", "/v1/protections/9", "/v1/protections/{org_id}", reason),
        ("DELETE", "/v1/protections/9", "/v1/protections/{org_id}", reason),
        ("GET", "/v1/organizations/x", "/v1/organizations/{org_id}", None),
        ("GET", "/v1/organizations/9", "/v1/organizations/{org_id}", None),
        ("GET", "/v1/operators", "/v1/operators", None),
        ("POST", "/v1/pause", "/v1/pause", reason),
        ("GET", "/v1/pause", "/v1/pause", None),
        ("POST", "/v1/resume", "/v1/resume", None),
        ("GET", "/v1/schedules", "/v1/schedules", None),
        ("GET", "/v1/sweeps", "/v1/sweeps", None),
        ("GET", swept.headers["location"], "/v1/sweeps/{sweep_id}", None),
        ("GET", "/v1/spools", "/v1/spools", None),
        ("DELETE", "/v1/spools/spl_1", "/v1/spools/{spool_id}", reason),
        ("DELETE", "/v1/spools/spl_1", "/v1/spools/{spool_id}", reason),
        ("POST", "/v1/replays", "/v1/replays",
         {"what": "deletions", "state": "failed", "dry_run": True}),
        ("GET", "/v1/replays", "/v1/replays", None),
        ("GET", begun.headers["location"], "/v1/replays/{replay_id}", None),
        ("POST", f"{begun.headers['location']}/cancel", "/v1/replays/{replay_id}/cancel", None),
        ("GET", f"/v1/notifications/{told.json()['id']}",
         "/v1/notifications/{notification_id}", None),
        ("GET", "/approve/forged", "/approve/{token}", None),
        ("GET", "/healthz", "/healthz", None),
        ("GET", "/readyz", "/readyz", None),
        ("GET", "/metrics", "/metrics", None),
    ):  # fmt: skip
        fits(api, template, service.call(method, path, json=body) if body else
             service.call(method, path))  # fmt: skip


async def test_every_operation_refuses_strangers(service: Service, api: dict[str, Any]) -> None:
    asked = 0
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            if operation["security"] and operation["security"][0] == {"operator": []}:
                answer = service.http.request(method, re.sub(r"\{\w+\}", "x", path))
                assert answer.status_code == 401, path
                fits(api, path, answer)
                asked += 1
    assert asked > 35


class Loads(HTMLParser):
    """Whatever a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "img", "link", "iframe"} or "src" in given or "style" in given:
            self.found.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []


async def test_the_page_loads_nothing_and_links_work(service: Service, api: dict[str, Any]) -> None:
    answer = service.http.get("/docs")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    page = Loads()
    page.feed(answer.text)
    assert page.found == []
    assert len(set(page.ids)) == len(page.ids)
    for link in page.links:
        assert link == "/openapi.json" or link.removeprefix("#") in page.ids, link
    for methods in api["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] in page.ids
