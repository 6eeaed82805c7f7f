"""Status, results, the month's report and one delivery: by the API and by the commands."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from service.api.report import month_of
from service.console.needs import needs
from tests.support.command import Command
from tests.support.deletions import ended
from tests.support.service import Service, only_error
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry

WITH_KEYS: dict[str, Any] = {}
NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)


async def came_to(ledger: Ledger, name: str, state: str, at: datetime, *codes: str) -> None:
    """A deletion that was asked for then and came to this."""
    errors = [ErrorEntry(code, "why", "") for code in codes]
    url = "https://rewst.example.com/hook"
    await ended(ledger, name, at, state=state, errors=errors, url=url)


@pytest.mark.usefixtures("redis")
async def test_a_months_report_counts(service: Service, ledger: Ledger, unglue: Command) -> None:
    await came_to(ledger, "del_1", "deleted", NOVEMBER)
    await came_to(ledger, "del_2", "blocked", NOVEMBER, "DeletionBlocked", "DeletionBlocked")
    await came_to(ledger, "del_3", "blocked", NOVEMBER - timedelta(days=29), "DeletionBlocked")
    await came_to(ledger, "del_4", "deleted", NOVEMBER + timedelta(seconds=1))
    rows = service.call("GET", "/v1/report?month=2026-11").json()["rows"]
    assert [(row["source"], row["outcome"], row["code"], row["count"]) for row in rows] == [
        ("api", "blocked", "DeletionBlocked", 2),
        ("api", "deleted", None, 1),
    ]
    shown = unglue("report", "--month", "2026-11", "--csv")
    assert shown.out.splitlines()[:2] == [
        "month,source,outcome,dry_run,code,count",
        "2026-11,api,blocked,False,DeletionBlocked,2",
    ]
    assert "all" in unglue("report", "--month", "2026-11").out
    assert unglue("report", "--month", "2026-01").out == "Nothing was asked for in 2026-01.\n"


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("month", ["", "2026", "2026-13", "november"])
async def test_what_is_no_month_is_refused(service: Service, month: str) -> None:
    answer = service.call("GET", f"/v1/report?month={month}")
    assert "2026-11" in only_error(answer, 422, "InvalidRequest")


@pytest.mark.parametrize(
    ("text", "until"), [("2026-11", (2026, 12)), ("2026-12", (2027, 1)), ("2028-02", (2028, 3))]
)
def test_a_month_ends_where_the_next_begins(text: str, until: tuple[int, int]) -> None:
    assert month_of(text)[1] == datetime(*until, 1, tzinfo=UTC)


@pytest.mark.usefixtures("redis")
async def test_results_are_listed(service: Service, ledger: Ledger, unglue: Command) -> None:
    await came_to(ledger, "del_1", "deleted", NOVEMBER)
    (found,) = service.call("GET", "/v1/results").json()["results"]
    assert (found["of"], found["state"], found["attempts"]) == ("del_1", "pending", 0)
    assert service.call("GET", "/v1/results?state=dead").json()["results"] == []
    assert "cb_1_1" in unglue("results").out
    assert unglue("results", "--state", "dead").out == "No results.\n"
    answer = service.call("GET", "/v1/results?state=lost")
    assert "pending, delivered, stopped, dead" in only_error(answer, 422, "InvalidRequest")


@pytest.mark.usefixtures("redis")
async def test_one_delivery_is_shown_without_its_proof(service: Service, unglue: Command) -> None:
    body = service.callback(2)
    name = service.send(body).json()["delivery_id"]
    found = service.call("GET", f"/v1/deliveries/{name}", operator="dave").json()
    assert (found["verdict"], found["source"]) == ("accepted", "cw")
    assert ["x-content-signature", "…"] in found["headers"]
    assert "callbackkey" not in found["body"]
    assert json.loads(found["body"])["Metadata"]["key_url"] == "…"
    assert json.loads(found["body"])["Entity"] == json.loads(body)["Entity"]
    shown = unglue("deliveries", name)
    assert shown.status == 0
    assert "accepted: created" in shown.out
    assert "Client 2" in shown.out
    assert "there is no delivery" in unglue("deliveries", "dlv_none").err


@pytest.mark.usefixtures("redis")
async def test_the_status_says_what_needs_somebody(
    service: Service, ledger: Ledger, unglue: Command, redis: Redis
) -> None:
    await came_to(ledger, "del_1", "failed", NOVEMBER, "PermissionDenied")
    await redis.set("unglue:heartbeat:scheduler", "1")
    await redis.hset("unglue:targets:failing", "gone", "{}")
    await redis.hset("unglue:hosts:silent", "hooks.example", "1")
    now = service.call("GET", "/v1/status", operator="dave").json()
    assert now["deletions"]["failed"] == 1
    assert now["max_deletions_per_day"] == 10
    assert (now["worker"], now["scheduler"]) == (False, True)
    # What is no target any more fails nobody.
    assert now["failing_targets"] == []
    assert now["silent_receivers"] == ["hooks.example"]
    service.call("POST", "/v1/pause", json={"reason": "stop!"})
    shown = unglue("status")
    assert shown.status == 1
    assert "deletions are paused by alice" in shown.out
    assert json.loads(unglue("status", "--json").out)["needs"]


@pytest.mark.usefixtures("redis")
async def test_a_source_is_silent_only_after_so_long(service: Service, redis: Redis) -> None:
    (source,) = service.call("GET", "/v1/sources").json()["sources"]
    assert (source["last_delivery"], source["silent"]) == (None, False)
    await redis.hset("unglue:sources:since", source["name"], "1")
    (source,) = service.call("GET", "/v1/sources").json()["sources"]
    assert (source["last_delivery"], source["silent"]) == (None, True)


PAUSE = {"by": "", "at": "2026-11-23T12:00:00Z", "reason": "r"}


def state(**changes: Any) -> dict[str, Any]:
    quiet = {"pauses": [], "scheduler": True, "overdue": 0, "quarantined": 0, "holds": 0}
    return {**quiet, "deletions": {"awaiting_approval": 0}, **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"redis": "read-only", "worker": False}, "Redis takes no writes (read-only), so nothing"),
        ({"pauses": [{**PAUSE, "cause": "operator"}]}, "r; to go on: unglue resume"),
        (
            {"pauses": [{**PAUSE, "cause": "ledger_lost", "reason": "an admin: unglue resume …"}]},
            ": an admin: unglue resume …",
        ),
        ({"pauses": [{**PAUSE, "cause": "ledger_lost"}]}, "resume --accept-ledger --reason ..."),
        ({"pauses": [{**PAUSE, "cause": "account_changed"}]}, "unglue resume --accept-account"),
        ({"scheduler": False}, "unglue scheduler"),
        ({"outbox": False}, "unglue outbox"),
        ({"worker": False}, "unglue worker"),
        ({"other_configurations": 1}, "1 other configuration within"),
        ({"failing_targets": ["ops"]}, "1 notification target fails: ops; see: unglue doctor"),
        ({"silent_receivers": ["a", "b", "c", "d"]}, "4 receivers do not answer: a, b, c, …;"),
        ({"overdue": 3}, "is a worker running"),
        ({"quarantined": 1}, "cannot be proved"),
        ({"holds": 2}, "2 deliveries hold deletions: unglue holds"),
        ({"deletions": {"awaiting_approval": 2}}, "2 deletions wait for approval"),
    ],
)
def test_each_need_names_the_command_that_shows_more(changes: dict[str, Any], said: str) -> None:
    found = [each.words for each in needs(state(**changes))]
    assert len(found) == (1 if said else 0)
    assert said in "".join(found)
    assert "".join(found).count("unglue resume") < 2
