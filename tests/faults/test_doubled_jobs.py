"""The windows in which RQ runs a job twice, at once or one after the other.

What makes up for all of them is the lease with its fence: only the newest holder may write, and
only a holder may begin a DELETE, one at a time for an organization.
"""

import signal
import time
from functools import partial
from importlib.metadata import version
from typing import Any

from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from tests.support.plant import parts
from tests.support.plant.crowd import org_of
from tests.support.plant.forked import fork
from tests.support.plant.injected import Injected
from tests.support.plant.injuries import (
    ENQUEUE,
    SLOW_DELETE,
    SLOW_READS,
    freeze_job_then_double,
    kill_in_mid_job,
    only_job,
    slow_search,
    wait_for_delete,
    wait_for_search,
)
from tests.support.plant.plant import Plant, eventually
from tests.support.plant.wire import sha_of
from workers.processes.queue import QUEUE_KEY


def earliest_due(it: Plant) -> float:
    """The time of what is due first, in milliseconds."""
    first: Any = it.redis.zrange("unglue:due", 0, 0, withscores=True)
    return float(first[0][1])


def queued(it: Plant) -> set[str]:
    """The deletions whose jobs are in the queue."""
    return {job_id.rpartition("-")[0] for job_id in it.queue.get_job_ids()}


def test_window_06_two_cleaners(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    with here.without("scheduler"):
        sent = [kill_in_mid_job(here)]
        job = only_job(here, sent[0])
        clean = partial(parts.cleaner, here.server.socket_url, 3600.0)
        cleaners = [fork(f"cleaner-{n}", clean, {}, here.folder / "cleaners.log") for n in range(2)]
        assert [cleaner.wait() for cleaner in cleaners] == [0, 0]
        # They requeue only what has retries left.
        failed = FailedJobRegistry(queue=here.queue, serializer=JSONSerializer)
        assert job.id in failed.get_job_ids(cleanup=False)
        assert here.redis.llen(QUEUE_KEY) == 0
        # And this is what they do to what has.
        for _ in range(2):
            here.redis.rpush(QUEUE_KEY, job.id)
    here.start_worker()
    here.start_worker("worker-2")
    injected(here, "06", "two cleaners; job queued twice", sent, since=since)


def test_window_07_reply_lost_after_it_was_done(here: Plant, injected: Injected) -> None:
    for name in ("service", "scheduler", "worker", "outbox"):
        here.kill(name)
    here.start_service(through=here.wire)
    here.start_scheduler(through=here.wire)
    here.start_worker(through=here.wire)
    here.start_outbox(through=here.wire)
    since = time.monotonic()
    sent = []
    for lost in ("receive", "lease", "begin_delete", "record", "lease_callback", "record_callback"):
        here.wire.lose_reply(sha_of(lost))
        sent.append(here.send())
    here.wire.lose_reply(ENQUEUE)
    sent.append(here.send())
    eventually(lambda: here.wire.done, "every reply is lost")
    injected(here, "07", "reply of a script lost after it was done", sent, since=since)


def test_window_08_worker_killed_alone_its_job_goes_on(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    worker = here.running["worker"]
    here.faults(slow=SLOW_READS)
    sent = [here.send()]
    wait_for_search(here)
    worker.strike_horses(signal.SIGSTOP)
    worker.strike_alone(signal.SIGKILL)
    worker.wait()
    # Who loses its parent is woken by the kernel.
    worker.strike_horses(signal.SIGSTOP)
    here.faults(slow=SLOW_DELETE)
    here.start_worker("worker-2")
    wait_for_delete(here)
    # Two jobs of one deletion at once; the orphan is the older one.
    worker.strike_horses(signal.SIGCONT)
    injected(here, "08", "worker killed alone, its job goes on", sent, since=since)
    # What the older job had read meanwhile is written by nobody.
    assert here.journal(sent[0]).count("planned") == 1


def test_window_09_worker_loses_redis_its_job_goes_on(here: Plant, injected: Injected) -> None:
    here.kill("worker")
    worker = here.start_worker(through=here.wire, monitored_every=1)
    since = time.monotonic()
    here.faults(slow=SLOW_READS)
    sent = [here.send()]
    wait_for_search(here)
    worker.strike_horses(signal.SIGSTOP)
    here.wire.cut(lambda pid: pid == worker.pid)
    here.faults(slow=SLOW_DELETE)
    here.start_worker("worker-2")
    wait_for_delete(here)
    worker.strike_horses(signal.SIGCONT)
    injected(here, "09", "worker cut off from Redis, its job goes on", sent, since=since)
    # It does not end because of that, as RQ's own would.
    assert not worker.ended
    # What the older job had read meanwhile is written by nobody.
    assert here.journal(sent[0]).count("planned") == 1


def test_window_10_machine_frozen(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    scheduler = here.running["scheduler"]
    scheduler.strike(signal.SIGSTOP)
    here.start_scheduler("scheduler-2")
    sent = [freeze_job_then_double(here)]
    for frozen in (scheduler, here.running["worker"]):
        frozen.strike(signal.SIGCONT)
    injected(here, "10", "worker and scheduler frozen past the lease", sent, since=since)
    # What the older job had read meanwhile is written by nobody.
    assert here.journal(sent[0]).count("planned") == 1


def test_window_11_job_dies_after_its_effect(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    # IT Glue deleted it, and nobody heard the answer.
    here.faults(timeout={"value": 1.5, "method": "DELETE", "count": 1})
    sent = [here.send(company := here.company())]
    eventually(lambda: org_of(company) in here.deletes(), "IT Glue accepts the DELETE")
    here.kill("worker")
    # The ledger has it, and RQ does not.
    worker = here.start_worker(moment="recorded", number=signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    here.start_worker()
    sent.append(here.send())
    injected(here, "11", "job killed after DELETE, and after its record", sent, since=since)


def test_window_12_callback_raises(here: Plant, injected: Injected) -> None:
    with here.without("worker"):
        sent = [here.send(company := here.company())]
        job = here.redis.hgetall(only_job(here, sent[0]).key)
        # RQ's callbacks may raise, and then a job that was done is done again: it has none of ours.
        assert [name for name, value in job.items() if b"callback_name" in name and value] == []
        here.receiver.refuse(org_of(company), 1)
        since = time.monotonic()
    eventually(lambda: len(here.receiver.ids(sent[0])) == 2, "the callback is tried again")
    injected(here, "12", "callback URL answers 500 first", sent, since=since)


def test_window_13_killed_at_the_end_of_the_grace_time(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    worker = here.running["worker"]
    slow_search(here)
    sent = [here.send()]
    wait_for_search(here)
    worker.strike_alone(signal.SIGTERM)
    eventually(lambda: worker.heard(signal.SIGTERM), "the worker is told")
    assert worker.horses() != []
    here.kill("worker")
    here.start_worker()
    injected(here, "13", "SIGTERM in a job, SIGKILL before it ends", sent, since=since)


def test_window_15_two_schedulers(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    first = here.running["scheduler"]
    here.start_scheduler("scheduler-2")
    with here.without("worker"):
        # As many as the queue is filled up to.
        sent = [here.send() for _ in range(4)]
        here.redis.delete(QUEUE_KEY)
        eventually(lambda: queued(here) >= set(sent), "they queue it again")
        first.strike(signal.SIGSTOP)
        before = earliest_due(here)
        eventually(lambda: earliest_due(here) > before, "the second one looks")
        first.strike(signal.SIGCONT)
    injected(here, "15", "two schedulers, one frozen for a while", sent, since=since)


def test_window_18_a_job_that_is_done_is_run_again(here: Plant, injected: Injected) -> None:
    assert version("rq").startswith("3.0.")
    sent = [here.send()]
    here.ended(sent[0])
    eventually(lambda: "callback" in here.journal(sent[0]), "the callback is recorded")
    journal, attempts = here.journal(sent[0]), here.receiver.ids(sent[0])
    since = time.monotonic()
    callback_id = "cb_" + sent[0].removeprefix("del_") + "_1"
    for number in range(3):
        again = {"job_timeout": 100, "result_ttl": 0}
        for job, record in (("advance_deletion", sent[0]), ("send_callback", callback_id)):
            name = f"again-{record}-{number}"
            here.queue.enqueue(f"workers.processes.jobs.{job}", record, job_id=name, **again)
    here.quiet()
    assert (here.journal(sent[0]), here.receiver.ids(sent[0])) == (journal, attempts)
    injected(here, "18", "jobs that are done run again, three times", sent, since=since)
