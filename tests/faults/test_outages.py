"""The window in which RQ's own scheduler dies: a Valkey that is away for 8 s, and for 45 s."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

from tests.support.plant.crowd import Crowd
from tests.support.plant.injected import Injected
from tests.support.plant.plant import Plant, eventually, plant


def injured(it: Plant) -> list[str]:
    """Deletions in every state that an outage may meet: waiting, in a job, in the queue."""
    it.faults(refuse_synced={"count": 1})
    waiting = it.send()
    eventually(lambda: it.deletion(waiting).state == "awaiting_eligibility", "it waits")
    it.faults(refuse_synced=None, html={"method": "GET", "path": "/organizations", "count": 1})
    retrying = it.send()
    eventually(lambda: it.deletion(retrying).state == "retrying", "it is to be tried again")
    it.faults(html=None, slow={"value": 1500, "method": "GET", "path": "/organizations"})
    working = it.send()
    eventually(lambda: it.under_way("GET", "/organizations"), "a job asks IT Glue")
    return [waiting, retrying, working, it.send()]


def outage(it: Plant, seconds: float, injected: Injected) -> None:
    """Kill the Valkey of a busy installation, and have it back after so many seconds."""
    it.start_all()
    it.ended(it.send())
    sent = injured(it)
    with it.supervised():
        company = it.company()
        with it.server.down(killed=True):
            it.faults(slow=None)
            began = time.monotonic()
            # A sender hears that it must come again, and the service itself is well.
            assert it.event(company, event_id="evt_outage").status_code == 503
            assert it.http.get(f"{it.service}/healthz").status_code == 200
            # The outage itself: nothing ends it but time.
            Event().wait(seconds - (time.monotonic() - began))
            assert not it.running["scheduler"].ended
        since = time.monotonic()
        accepted = it.event(company, event_id="evt_outage")
        assert accepted.json()["verdict"] == "accepted"
        sent.append(accepted.json()["deletion_id"])
        injected(it, "14", f"Valkey killed, away for {seconds:g} s", sent, since=since)
    # Nobody of ours is RQ's scheduler, which would not have come back.
    assert it.redis.keys("rq:scheduler*") == []


def test_window_14_scheduler_in_an_outage_of_8_and_of_45_seconds(injected: Injected) -> None:
    outages = (8.0, 45.0)
    with ExitStack() as stack, ThreadPoolExecutor(len(outages)) as pool:
        policy = 'export = false\neligibility_window = "60s"'
        plants = [stack.enter_context(plant(Crowd(size=10), policy=policy)) for _ in outages]
        done = [
            pool.submit(outage, it, seconds, injected)
            for it, seconds in zip(plants, outages, strict=True)
        ]
        for each in done:
            each.result()
