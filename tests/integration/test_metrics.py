"""`/metrics`: what it says is what the ledger holds, whoever is asked, and who may ask."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from tests.support.deletions import ended as came_to
from tests.support.queued import queued
from tests.support.receiver import silent
from tests.support.service import (
    Service,
    configured,
    only_error,
    running_service,
)
from workers.itglue.tally import Tally, counted_at_the_end, endpoint_of, status_of
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.processes.queue import JobQueue

NOW = datetime.now(UTC)
WITH_KEYS: dict[str, Any] = {}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(answer: httpx.Response) -> Samples:
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def scrape(service: Service) -> Samples:
    return read(service.call("GET", "/metrics", operator="dave"))


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def ended(ledger: Ledger, name: str, state: str, *codes: str) -> None:
    errors = [ErrorEntry(code, "why", "") for code in codes]
    url = "https://rewst.example.com/hook"
    await came_to(ledger, name, NOW, state=state, errors=errors, url=url)


async def test_deliveries_are_counted_by_source_and_verdict(redis: Redis, service: Service) -> None:
    before = scrape(service)
    assert value(before, "unglue_deliveries_total", source="cw", verdict="accepted") == 0
    body = service.callback(2)
    assert service.send(body).status_code == 202
    assert service.send(body).status_code == 202
    assert service.send(body, key="another").status_code == 401
    await queued(redis)
    after = scrape(service)
    for verdict in ("accepted", "duplicate", "unauthentic"):
        assert value(after, "unglue_deliveries_total", source="cw", verdict=verdict) == 1, verdict
    assert value(after, "unglue_source_silent_seconds", source="cw") < 60
    assert value(after, "unglue_queue_jobs") == 1
    assert value(after, "unglue_queue_oldest_seconds") < 60
    assert value(after, "unglue_audit_pending") > 0


@pytest.mark.usefixtures("redis")
async def test_deletions_are_counted_by_end_and_reason(service: Service, ledger: Ledger) -> None:
    await ended(ledger, "del_1", "deleted")
    await ended(ledger, "del_2", "blocked", "DeletionBlocked", "PermissionDenied")
    await ended(ledger, "del_3", "failed", "NobodyKnows")
    seen = scrape(service)
    assert value(seen, "unglue_deletions", state="failed") == 1
    assert value(seen, "unglue_deletions_ended_total", source="api", state="deleted") == 1
    assert value(seen, "unglue_deletions_ended_total", source="cw", state="deleted") == 0
    assert value(seen, "unglue_deletion_errors_total", code="DeletionBlocked") == 1
    assert value(seen, "unglue_deletion_errors_total", code="PermissionDenied") == 0
    assert value(seen, "unglue_deletion_errors_total", code="other") == 1
    assert value(seen, "unglue_results_due") == 3


@pytest.mark.usefixtures("redis")
async def test_what_is_sent_is_counted_by_what_came_of_it(service: Service, ledger: Ledger) -> None:
    await ended(ledger, "del_1", "deleted")
    held = await ledger.callbacks.lease("cb_1_1", NOW)
    assert held is not None
    said: dict[str, Any] = {"ready_at": NOW, "answer": "", "line": {}, "now": NOW}
    await ledger.callbacks.record(held, state="pending", status=500, **said)
    held = await ledger.callbacks.lease("cb_1_1", NOW)
    assert held is not None
    await ledger.callbacks.record(held, state="delivered", status=200, **said)
    seen = scrape(service)
    for outcome, count in (("pending", 1), ("delivered", 1), ("dead", 0)):
        found = value(seen, "unglue_callback_attempts_total", kind="result", outcome=outcome)
        assert found == count, outcome
    assert value(seen, "unglue_results_due") == 0


@pytest.mark.usefixtures("redis")
async def test_requests_add_up_and_the_budget_shrinks(service: Service, ledger: Ledger) -> None:
    for status in (200, 503, None):
        tally = Tally()
        async with counted_at_the_end(tally, ledger.budget):
            tally.answered("GET", "/organizations/301/relationships/documents", 200)
            tally.answered("DELETE", "/organizations/301", status)
    # Counted over 5 minutes, in which this file may have waited for its turn.
    now = datetime.now(UTC)
    assert await ledger.budget.take(now, limit=3000, reserve=1, destructive=False) is None
    seen = scrape(service)
    requests = "unglue_itglue_requests_total"
    assert value(seen, requests, method="GET", endpoint="documents", status="2xx") == 3
    for status_class in ("2xx", "5xx", "none"):
        labels = {"method": "DELETE", "endpoint": "organizations", "status": status_class}
        assert value(seen, requests, **labels) == 1
    left = value(seen, "unglue_itglue_budget_limit") - value(seen, "unglue_itglue_budget_left")
    assert left == 1


@pytest.mark.usefixtures("redis")
async def test_steps_of_several_jobs_are_one_histogram(service: Service, ledger: Ledger) -> None:
    for seconds in (0.05, 0.1, 0.3, 700.0, -4.0):
        tally = Tally()
        async with counted_at_the_end(tally, ledger.budget):
            tally.stepped("plan", seconds)
    seen = scrape(service)
    name = "unglue_step_seconds"
    for bound, count in (("0.1", 3), ("0.25", 3), ("0.5", 4), ("180.0", 4), ("+Inf", 5)):
        assert value(seen, f"{name}_bucket", step="plan", le=bound) == count, bound
    assert value(seen, f"{name}_count", step="plan") == 5
    assert value(seen, f"{name}_sum", step="plan") == pytest.approx(700.45)
    assert value(seen, f"{name}_count", step="delete") == 0


async def test_a_job_ends_well_though_its_requests_cannot_be_counted() -> None:
    class Away:
        async def count(self, _requests: object, _steps: object) -> None:
            raise ConnectionRefusedError

    tally = Tally()
    async with counted_at_the_end(tally, Away()):  # type: ignore[arg-type]
        tally.answered("GET", "/organizations", 200)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/organizations", "organizations"),
        ("/organizations/3/relationships/document_folders", "document_folders"),
        ("/exports/7", "exports"),
        ("/somewhere/else", "other"),
    ],
)
def test_an_endpoint_is_a_word_of_a_closed_list(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint
    assert [status_of(each) for each in (204, 429, 418, None)] == ["2xx", "429", "4xx", "none"]


async def test_beats_pauses_and_spools(service: Service, ledger: Ledger, redis: Redis) -> None:
    await ledger.heartbeats.beat(SCHEDULER, NOW - timedelta(seconds=3), timedelta(minutes=1))
    await ledger.stop_switch.pause("alice", "why", NOW)
    spool = {"where": "here:/spool", "oldest": NOW - timedelta(minutes=2), "waiting": 4}
    await ledger.spools.beat("spl_1", NOW, aside=(), **spool)  # type: ignore[arg-type]
    await redis.hset("unglue:audit:head", "seq", "17")
    seen = scrape(service)
    assert value(seen, "unglue_part_up", part=SCHEDULER) == 1
    assert value(seen, "unglue_part_beat_age_seconds", part=SCHEDULER) >= 3
    assert value(seen, "unglue_part_up", part=OUTBOX) == 0
    assert value(seen, "unglue_paused", cause="operator") == 1
    assert value(seen, "unglue_paused", cause="key_refused") == 0
    assert value(seen, "unglue_spool_deliveries") == 4
    assert value(seen, "unglue_spools_holding") == 1
    assert value(seen, "unglue_spool_oldest_seconds") >= 120
    assert value(seen, "unglue_audit_head") == 17


@pytest.mark.usefixtures("redis")
async def test_an_unknown_source_is_other(service: Service, ledger: Ledger, redis: Redis) -> None:
    for name in ("gone-a", "gone-b"):
        await redis.hset("unglue:sources:last", name, "1")
        await ledger.sources.count(name, "accepted", 2)
        await ledger.sources.count(name, "invented", 1)
    seen = scrape(service)
    assert value(seen, "unglue_deliveries_total", source="other", verdict="accepted") == 4
    assert value(seen, "unglue_deliveries_total", source="other", verdict="other") == 2
    assert {label for (_, labels) in seen for key, label in labels if key == "source"} == {
        "api", "cw", "other",
    }  # fmt: skip


async def test_every_service_process_says_the_same(valkey_url: str, ledger: Ledger) -> None:
    await ended(ledger, "del_1", "failed", "PermissionDenied")
    jobs = JobQueue(valkey_url)
    await jobs.enqueue("advance_deletion", "del_1", 1)
    jobs.close()
    with (
        running_service(configured(valkey_url)) as one,
        running_service(configured(valkey_url)) as other,
    ):
        assert one.url != other.url
        first, second = scrape(one), scrape(other)
    moving = ("_seconds", "audit_pending")
    assert {each: first[each] for each in first if not each[0].endswith(moving)} == {
        each: second[each] for each in second if not each[0].endswith(moving)
    }


@pytest.mark.usefixtures("redis")
async def test_an_operator_may_read_it_and_nobody_else(service: Service) -> None:
    only_error(service.http.get("/metrics"), 401, "Unauthorized")
    answer = service.call("GET", "/metrics", operator="dave")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["content-type"].count("charset") == 1
    assert answer.headers["cache-control"] == "no-store"
    asked = {"accept": "application/openmetrics-text; version=1.0.0"}
    assert service.call("GET", "/metrics", headers=asked).text.endswith("# EOF\n")


@pytest.mark.usefixtures("redis")
async def test_the_loopback_may_be_let_in_but_not_through_a_proxy(valkey_url: str) -> None:
    with running_service(configured(valkey_url, metrics={"access": "loopback"})) as service:
        assert service.http.get("/metrics").status_code == 200
        through = service.http.get("/metrics", headers={"x-forwarded-for": "198.51.100.7"})
        only_error(through, 401, "Unauthorized")
    with running_service(configured(valkey_url, metrics={"access": "everybody"})) as service:
        through = service.http.get("/metrics", headers={"x-forwarded-for": "198.51.100.7"})
        assert through.status_code == 200


@pytest.mark.parametrize("away", ["refused", "silent"])
async def test_redis_away_is_a_measure(away: str) -> None:
    with silent() as port:
        url = f"redis://127.0.0.1:{1 if away == 'refused' else port}/0"
        with running_service(configured(url, metrics={"access": "everybody"})) as service:
            seen = read(service.http.get("/metrics"))
    assert value(seen, "unglue_redis_up") == 0
    assert {name for name, _ in seen} == {"unglue_redis_up", "unglue_build_info"}
