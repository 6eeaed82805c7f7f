"""Several deletions in one process: what ends it takes the others along once, and only once."""

import signal
import time

from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.injected import Injected
from tests.support.plant.plant import client_of, eventually, plant
from tests.support.plant.stops import STOPS, Stop


def test_one_that_ends_its_process_is_parked_and_nobody_else(injected: Injected) -> None:
    with plant(Crowd(size=5), watched=True) as it:
        it.start_all()
        it.ended(it.send())
        since = time.monotonic()
        companies = [it.company() for _ in range(4)]
        it.redis.hset(STOPS, client_of(companies[0]), Stop("record", 3, "before", "poison").dump())
        with it.without("worker"):
            poison, *others = [it.send(company) for company in companies]
            eventually(lambda: len(it.queue.get_job_ids()) == 4, "all of them wait")
        parked = it.ended(poison)
        assert (parked.state, parked.errors[0].code) == ("failed", "DeletionBlocked")
        assert it.journal(poison).count("lease_expired") == 3
        injected(it, "company", "poison beside three others", others, since=since)
        deaths = [it.journal(each).count("lease_expired") for each in others]
        assert max(deaths) == 1, "nobody was with it"
        sent = [it.deletes(accepted=False).get(org_of(company), 0) for company in companies]
        assert sent == [0, 1, 1, 1]


def test_a_worker_that_is_told_to_stop_takes_nothing_more(injected: Injected) -> None:
    with plant(Crowd(size=5)) as it:
        it.start_all()
        it.ended(it.send())
        since = time.monotonic()
        it.faults(slow={"value": 1000, "method": "GET"})
        first = it.send()
        eventually(lambda: it.under_way("GET", "/organizations"), "it works")
        worker = it.running["worker"]
        worker.strike_alone(signal.SIGTERM)
        with it.without("scheduler"):
            later = it.send()
            assert worker.wait() == 0
            assert it.deletion(later).state == "queued"
        it.start_worker("worker-2")
        injected(it, "company", "told to stop with one under way", [first, later], since=since)
