"""Leases and fences: who was away too long can no longer act, and nobody acts twice."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.fault_table import Row
from tests.support.plant.crowd import FIRST, Crowd, org_of
from tests.support.plant.injected import Injected
from tests.support.plant.plant import Plant, client_of, eventually, plant
from tests.support.plant.stops import STOPS, STRUCK, Stop

SCHEDULE = """
[schedules.inactive]
cron = "0 3 1 1 *"
statuses = ["Inactive"]
confirm_delete = true
limit = 1000
max_share = 1.0
"""


@pytest.fixture(scope="module")
def watched() -> Iterator[Plant]:
    with plant(Crowd(size=30), watched=True) as made:
        made.start_all()
        made.ended(made.send())
        yield made


def paused_at(it: Plant, stop: Stop) -> tuple[str, str]:
    """A deletion whose worker was stopped there and stands still; its client's organization."""
    company = it.company()
    it.redis.hset(STOPS, client_of(company), stop.dump())
    deletion_id = it.send(company)
    eventually(lambda: it.redis.sismember(STRUCK, client_of(company)), "the worker is paused")
    return deletion_id, org_of(company)


@pytest.mark.parametrize(
    "stop",
    [
        Stop("begin_delete", 1, "before", "pause"),
        Stop("begin_delete", 1, "after", "pause"),
        Stop("DELETE", 1, "after", "pause"),
    ],
    ids=["before-its-intent", "before-its-call", "before-it-records-the-answer"],
)
def test_a_worker_paused_past_its_lease(watched: Plant, injected: Injected, stop: Stop) -> None:
    it, since = watched, time.monotonic()
    deletion_id, org_id = paused_at(it, stop)
    it.start_worker("worker-2")
    it.ended(deletion_id)
    eventually(lambda: "callback" in it.journal(deletion_id), "the callback is recorded")
    before, fence = it.journal(deletion_id), it.deletion(deletion_id).fence
    assert it.deletes(accepted=False)[org_id] == 1

    # It wakes, and finds that it may do nothing more.
    it.running["worker"].strike(signal.SIGCONT)
    it.kill("worker-2")
    log = it.folder / "worker.log"
    fenced = f'"deletion_id": "{deletion_id}"'
    eventually(
        lambda: any('"fenced"' in line and fenced in line for line in log.read_text().splitlines()),
        "it hears that it is fenced",
    )
    assert (it.journal(deletion_id), it.deletion(deletion_id).fence) == (before, fence)
    assert it.deletes(accepted=False)[org_id] == 1
    fault = f"SIGSTOP past the lease {stop.when} {stop.script}"
    injected(it, "lease", fault, [deletion_id], since=since)


def test_two_workers_before_the_same_call(watched: Plant, injected: Injected) -> None:
    """The one that was away wakes while the newer one is about to ask for permission."""
    it, since = watched, time.monotonic()
    deletion_id, org_id = paused_at(it, Stop("begin_delete", 1, "before", "pause"))
    client = client_of(int(org_id) - FIRST)
    it.redis.srem(STRUCK, client)
    it.redis.hset(STOPS, client, Stop("begin_delete", 2, "before", "pause").dump())
    newer = it.start_worker("worker-2")
    eventually(lambda: it.redis.sismember(STRUCK, client), "the newer one is about to ask")
    before, fence = it.journal(deletion_id), it.deletion(deletion_id).fence
    older = it.running["worker"]
    older.strike(signal.SIGCONT)
    eventually(lambda: not older.horses(), "the older one gives up")
    assert (it.journal(deletion_id), it.deletion(deletion_id).fence) == (before, fence)
    assert org_id not in it.deletes(accepted=False)
    newer.strike(signal.SIGCONT)
    fault = "two workers about to begin the same call"
    injected(it, "lease", fault, [deletion_id], since=since)
    it.kill("worker-2")
    assert it.deletes(accepted=False)[org_id] == 1


def test_a_late_call_is_waited_for(watched: Plant, injected: Injected) -> None:
    """Whoever takes over while a call may still be on its way sends none before `resend_after`."""
    it, since = watched, time.monotonic()
    it.faults(slow={"value": 1500, "method": "DELETE", "count": 1})
    company = it.company()
    deletion_id = it.send(company)
    eventually(lambda: it.under_way("DELETE", "/organizations"), "the DELETE is under way")
    it.running["worker"].strike(signal.SIGSTOP)
    it.start_worker("worker-2")
    it.ended(deletion_id)
    it.running["worker"].strike(signal.SIGCONT)
    it.quiet()
    it.kill("worker-2")
    assert it.deletes(accepted=False)[org_of(company)] == 1
    injected(it, "lease", "SIGSTOP while the DELETE is under way", [deletion_id], since=since)


def test_a_sweep_a_webhook_and_a_request_at_once(request: pytest.FixtureRequest) -> None:
    with plant(Crowd(size=3), more=SCHEDULE) as it:
        it.start_all(workers=4)
        since, companies = time.monotonic(), [it.company() for _ in range(3)]
        with ThreadPoolExecutor(4) as pool:
            sweep = pool.submit(it.api, "POST", "/v1/schedules/inactive/sweep")
            events = [pool.submit(it.send, company) for company in companies]
            asked = [
                pool.submit(
                    it.api, "POST", "/v1/deletions", org_id=org_of(company), confirm_delete=True
                )
                for company in companies
            ]
        url = "/v1/sweeps/" + sweep.result().json()["id"]
        eventually(lambda: it.api("GET", url).json()["finished_at"], "the sweep ends")
        found = it.api("GET", url).json()["organizations"]
        deletions = [event.result() for event in events]
        deletions += [answer.result().json()["id"] for answer in asked]
        deletions += [row["deletion_id"] for row in found if row["deletion_id"]]
        states = [it.ended(deletion_id).state for deletion_id in deletions]
        it.quiet()
        sent = [it.deletes(accepted=False).get(org_of(company), 0) for company in companies]
        fault = "sweep, webhook and request at once"
        lost, doubled = sent.count(0), sum(each > 1 for each in sent)
        row = Row("lease", fault, len(sent), lost, doubled, time.monotonic() - since)
        row.add_to(request.node)
        assert sent == [1, 1, 1]
        assert states.count("deleted") == len(companies)
