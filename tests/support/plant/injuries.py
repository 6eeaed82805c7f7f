"""What is done to a plant, and how RQ's books are read."""

import signal
from typing import cast

from rq.job import Job
from rq.registry import (
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.serializers import JSONSerializer

from tests.support.plant.plant import Plant, eventually
from workers.processes.queue import QUEUE_KEY

INTERMEDIATE = f"{QUEUE_KEY}:intermediate"
# In whatever queues a step of a deletion: a job alone, or several together.
ENQUEUE = "advance_deletion del_"
SLOW_READS = {"value": 1500, "method": "GET"}
SLOW_DELETE = {"value": 1500, "method": "DELETE", "count": 1}
_SLOW_SEARCH = {"method": "GET", "path": "/organizations", "count": 1}


def only_job(it: Plant, deletion_id: str) -> Job:
    """The one job of a deletion in RQ's books, which comes beside the answer."""
    pattern = f"rq:job:{deletion_id}-*"
    keys = eventually(lambda: cast("list[bytes]", it.redis.keys(pattern)), "it is queued")
    names = [key.decode() for key in keys]
    assert len(names) == 1, names
    return Job.fetch(
        names[0].removeprefix("rq:job:"), connection=it.redis, serializer=JSONSerializer
    )


def lists_with(it: Plant, job: Job) -> list[str]:
    """Every list of RQ's in which the job stands."""
    queue = it.queue
    found = {
        "queue": job.id in queue.get_job_ids(),
        "intermediate": job.id.encode() in it.redis.lrange(INTERMEDIATE, 0, -1),
    }
    for kind in (StartedJobRegistry, FailedJobRegistry, ScheduledJobRegistry, FinishedJobRegistry):
        registry = kind(queue=queue, serializer=JSONSerializer)
        ids = [entry.partition(":")[0] for entry in registry.get_job_ids(cleanup=False)]
        found[kind.__name__] = job.id in ids
    return [name for name, there in found.items() if there]


def slow_search(it: Plant, milliseconds: int = 1500) -> None:
    """The next search is slow, once the one before, whose asker may be dead, is over."""
    eventually(lambda: not it.under_way("GET", "/organizations"), "nobody searches")
    it.faults(slow={**_SLOW_SEARCH, "value": milliseconds})


def kill_in_mid_job(it: Plant) -> str:
    """A deletion whose worker died, with the job's process, while it was at work."""
    slow_search(it)
    deletion_id = it.send()
    eventually(lambda: it.under_way("GET", "/organizations"), "the job asks IT Glue")
    it.kill("worker")
    return deletion_id


def wait_for_search(it: Plant) -> None:
    eventually(lambda: it.under_way("GET", "/organizations"), "a job asks IT Glue")


def wait_for_delete(it: Plant) -> None:
    eventually(lambda: it.under_way("DELETE", "/organizations"), "a DELETE is under way")


def freeze_job_then_double(it: Plant) -> str:
    """A deletion whose job stands still while another worker sends the DELETE.

    The first job goes on while that call is under way.
    """
    worker = it.running["worker"]
    slow_search(it)
    deletion_id = it.send()
    wait_for_search(it)
    worker.strike(signal.SIGSTOP)
    it.faults(slow=SLOW_DELETE)
    it.start_worker("worker-2")
    wait_for_delete(it)
    return deletion_id
