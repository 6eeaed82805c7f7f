"""The windows in which RQ loses a job: popped and dead, in no list, expired, never queued.

What makes up for all of them is one thing: a deletion that has not ended keeps a due score, and
the scheduler queues what is due and in no queue.
"""

import signal
import time

from rq import Worker
from rq.job import JobStatus
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from tests.support.plant.injected import Injected
from tests.support.plant.injuries import (
    ENQUEUE,
    INTERMEDIATE,
    kill_in_mid_job,
    lists_with,
    only_job,
    slow_search,
)
from tests.support.plant.plant import Plant, eventually
from workers.processes.queue import QUEUE_KEY


def test_window_01_multi_queue_pop_then_death(here: Plant, injected: Injected) -> None:
    # Only a worker of several queues pops without handing over, and ours has one.
    workers = Worker.all(connection=here.redis)
    assert [worker.queue_names() for worker in workers] == [["unglue"]] * len(workers) != []
    since = time.monotonic()
    with here.without("worker"):
        sent = [here.send() for _ in range(3)]
        # Whatever the scheduler does about it is undone twice.
        for _ in range(3 * len(sent)):
            eventually(lambda: here.redis.lpop(QUEUE_KEY), "a job is queued again")
    injected(here, "01", "job popped and dropped, three times", sent, since=since)


def test_window_02_worker_dies_between_pop_and_job(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    sent = []
    for moment in ("popped", "prepared"):
        here.kill("worker")
        worker = here.start_worker(moment=moment, number=signal.SIGKILL)
        sent.append(here.send())
        assert worker.wait() == -signal.SIGKILL
    assert here.redis.llen(INTERMEDIATE) >= 1
    here.start_worker()
    injected(here, "02", "SIGKILL between pop and job", sent, since=since)


def test_window_03_sigterm_while_a_job_was_just_popped(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    sent = []
    for moment in ("popped", "prepared"):
        here.kill("worker")
        worker = here.start_worker(moment=moment, number=signal.SIGTERM)
        sent.append(here.send())
        assert worker.wait() == 0
    here.start_worker()
    injected(here, "03", "SIGTERM to an idle worker that had popped", sent, since=since)


def test_window_04_retry_loses_the_job(here: Plant, injected: Injected) -> None:
    with here.without("worker"):
        job = only_job(here, waiting := here.send())
        # RQ retries nothing of ours, so it never begins what it may not finish.
        assert (job.retries_left, job.retry_intervals) == (None, None)
    here.ended(waiting)
    since = time.monotonic()
    # Without the scheduler, who on a busy machine queues a second job before the first has begun.
    with here.without("scheduler"):
        dropped = kill_in_mid_job(here)
        # What is left of a retry that got no further than its first command, and of a cleaner.
        job = only_job(here, dropped)
        job.set_status(JobStatus.SCHEDULED)
        registry = StartedJobRegistry(queue=here.queue, serializer=JSONSerializer)
        registry.cleanup(timestamp=time.time() + 3600)
        assert lists_with(here, job) in ([], ["intermediate"])
        here.redis.delete(INTERMEDIATE)
        assert lists_with(here, job) == []
    here.start_worker()
    injected(here, "04", "job half retried by RQ, in no list", [waiting, dropped], since=since)


def test_window_05_requeue_between_its_two_commands(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    sent = []
    for half in (True, False):
        slow_search(here)
        with here.without("scheduler"):
            sent.append(here.send())
            eventually(lambda: here.under_way("GET", "/organizations"), "the job asks IT Glue")
            job = only_job(here, sent[-1])
            # The job's process alone, as the kernel would when memory runs out.
            here.running["worker"].strike_horses(signal.SIGKILL)
            failed = FailedJobRegistry(queue=here.queue, serializer=JSONSerializer)
            eventually(lambda: job.id in failed.get_job_ids(cleanup=False), "RQ calls it failed")  # noqa: B023 - called at once
            if half:
                assert here.redis.zrem(failed.key, job.id) == 1
            else:
                failed.requeue(job.id)
        here.ended(sent[-1])
    injected(here, "05", "requeue: half of it; all of it", sent, since=since)


def test_window_16_job_evicted_or_expired(here: Plant, injected: Injected) -> None:
    since = time.monotonic()
    with here.without("scheduler"), here.without("worker"):
        sent = [here.send() for _ in range(3)]
        jobs = [only_job(here, deletion_id) for deletion_id in sent]
        # Nothing of ours expires in the queue.
        assert [(job.ttl, here.redis.ttl(job.key)) for job in jobs] == [(None, -1)] * 3
        here.redis.delete(QUEUE_KEY, *(job.key for job in jobs[:2]))
        # The third one's queue entry stays and leads nowhere.
        here.redis.rpush(QUEUE_KEY, jobs[2].id)
        here.redis.delete(jobs[2].key)
    injected(here, "16", "job's hash and queue entry evicted", sent, since=since)


def test_window_17_enqueue_fails_after_the_recording(here: Plant, injected: Injected) -> None:
    here.kill("service")
    here.start_service(through=here.wire)
    since = time.monotonic()
    here.wire.lose_command(ENQUEUE)
    sent = [here.send()]
    # It is queued beside the answer, which did not wait for that.
    log = here.folder / "service.log"
    eventually(lambda: "not_enqueued" in log.read_text(), "it is not queued")
    assert here.wire.done

    # And where nothing could be recorded, nobody was told that it was.
    company = here.company()
    here.wire.cut()
    refused = here.event(company, event_id="evt_again")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    here.wire.mend()
    accepted = here.event(company, event_id="evt_again")
    assert (accepted.status_code, accepted.json()["verdict"]) == (202, "accepted")
    sent.append(accepted.json()["deletion_id"])
    injected(here, "17", "enqueue fails; nothing recorded", sent, since=since)
