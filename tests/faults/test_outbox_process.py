"""The sender beside a worker: started again when it dies, and gone with its worker."""

import os
import signal
from pathlib import Path

from tests.faults.test_storage_down import until
from tests.support.failing_valkey import FailingValkey
from tests.support.part import Part, part


def senders(worker: Part) -> list[int]:
    """Its children but the one that waits for a job, which does not listen to SIGTERM."""
    pid = worker.process.pid
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(each) for each in listed.split() if not _ignores(int(each), signal.SIGTERM)]


def _ignores(pid: int, number: signal.Signals) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    ignored = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
    return bool(int(ignored, 16) & 1 << number - 1)


def the_sender(worker: Part, *but: int) -> int:
    until(lambda: len(set(senders(worker)) - set(but)) == 1)
    (sender,) = set(senders(worker)) - set(but)
    return sender


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def beats(valkey: FailingValkey) -> bool:
    with valkey.client() as redis:
        return bool(redis.exists("unglue:heartbeat:outbox"))


def test_it_is_restarted_and_ends_with_its_worker(valkey: FailingValkey, tmp_path: Path) -> None:
    with part("worker", tmp_path, UNGLUE_REDIS_URL=valkey.url) as worker:
        until(lambda: beats(valkey))
        first = the_sender(worker)
        os.kill(first, signal.SIGKILL)
        second = the_sender(worker, first)
        (said,) = worker.said("outbox_ended")
        assert said["status"] == -signal.SIGKILL
        assert worker.stop() == 0
        assert not runs(second)
        assert "Traceback" not in worker.everything


def test_a_worker_that_is_killed_leaves_none_behind(valkey: FailingValkey, tmp_path: Path) -> None:
    with part("worker", tmp_path, UNGLUE_REDIS_URL=valkey.url) as worker:
        until(lambda: beats(valkey))
        sender = the_sender(worker)
        worker.tell(signal.SIGKILL)
        until(lambda: not runs(sender))


def test_it_may_be_left_out(valkey: FailingValkey, tmp_path: Path) -> None:
    with part("worker", tmp_path, "--no-outbox", UNGLUE_REDIS_URL=valkey.url) as worker:
        with valkey.client() as redis:
            until(lambda: redis.scard("rq:workers") == 1)
        until(lambda: senders(worker) == [])
        assert not beats(valkey)
        assert worker.stop() == 0


def test_it_waits_for_a_redis_that_is_away(valkey: FailingValkey, tmp_path: Path) -> None:
    with valkey.down(), part("outbox", tmp_path, UNGLUE_REDIS_URL=valkey.url) as sender:
        until(lambda: bool(sender.said("redis_unavailable")))
        assert sender.runs()
        assert sender.stop() == 0
