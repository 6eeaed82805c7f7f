"""The process that waits for its job: what it knows, how it ends, and what becomes of its job."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from workers.ledger.installation.memory import Memory
from workers.processes import jobs
from workers.processes.lease import own_holder
from workers.processes.queue import QUEUE
from workers.processes.steady_worker import Beginning, SteadyWorker, Stop

JOB = "workers.processes.jobs.advance_deletion"
JOBS = 3
# The process that waits for the job after so many is killed.
KILLED_AFTER = 2


def said(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_job_has_a_process_of_its_own_that_knows_what_the_worker_does_by_then(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsals, runs = tmp_path / "rehearsals", tmp_path / "runs"
    rehearsals.touch()

    def write(path: Path, **more: object) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"pid": os.getpid(), "group": os.getpgrp(), **more}) + "\n")

    def run(deletion_id: str) -> None:
        own = jobs.memory()
        terminated = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        write(runs, id=deletion_id, mark=own.mark, ledger=own.id, holder=own_holder(),
              parent=os.getppid(), terminated=terminated)  # fmt: skip

    monkeypatch.setattr(jobs, "advance_deletion", run)
    memory = Memory()
    monkeypatch.setattr(jobs, "memory", lambda: memory)
    stop = Stop()

    with Redis.from_url(valkey_url) as redis:
        redis.flushall()
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)

        def idle(_: Redis) -> None:
            """Once somebody waits the worker learns more, and then a job comes."""
            begun = len(said(runs)) if runs.exists() else 0
            if len(said(rehearsals)) > begun == JOBS:
                stop._heard(signal.SIGTERM, None)
            elif len(said(rehearsals)) > begun:
                memory.remember("ledger", 100 + begun)
                if begun == KILLED_AFTER:
                    os.kill(pid := said(rehearsals)[-1]["pid"], signal.SIGKILL)
                    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                queue.enqueue(JOB, f"del_{begun}", job_id=f"del_{begun}-1", result_ttl=0)

        worker = SteadyWorker(
            valkey_url, stop, lambda: None, lambda *_: None, idle=idle,
            beginning=Beginning(memory, lambda _: write(rehearsals)),
        )  # fmt: skip
        worker.work(logging_level="CRITICAL")
        assert queue.failed_job_registry.get_job_ids(cleanup=False) == []

    done, waited = said(runs), said(rehearsals)
    assert [(each["id"], each["ledger"], each["mark"]) for each in done] == [
        ("del_0", "ledger", 100), ("del_1", "ledger", 101), ("del_2", "ledger", 102)
    ]  # fmt: skip
    pids = [each["pid"] for each in done]
    assert len(set(pids)) == len(pids)
    # Each ran where somebody had waited, in no group but its own; the killed one's job in another.
    assert pids[:KILLED_AFTER] == [each["pid"] for each in waited[:KILLED_AFTER]]
    assert pids[KILLED_AFTER] != waited[KILLED_AFTER]["pid"]
    assert all(each["group"] == os.getpgrp() for each in waited)
    assert all(each["group"] == each["pid"] for each in done)
    assert all(each["holder"] == f"{worker.name}:{each['pid']}" for each in done)
    assert all((each["parent"], each["terminated"]) == (os.getpid(), True) for each in done)
    # And nobody waits any more.
    assert len(waited) == JOBS + 1
    for each in waited:
        with pytest.raises(ProcessLookupError):
            os.kill(each["pid"], 0)
