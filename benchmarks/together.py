"""What one worker gains by advancing several deletions at once: their rate, and processor time."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.figure import Figure, Size
from benchmarks.installation import with_itglue
from benchmarks.load import callback, request_headers
from tests.support.plant.crowd import Crowd

_NUMBER = {"quick": 12, "default": 24, "full": 100}
_LATENCY_MS = 200
_AT_ONCE = 4
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """What a process took, and its children, those that have ended among them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    used = sum(_fields(pid)[11:15])
    for child in children:
        try:
            used += sum(_fields(int(child))[11:13])
        except FileNotFoundError:
            return processor_seconds(pid)
    return used / _TICKS


def _fields(pid: int) -> list[int]:
    """Of its line in /proc, what follows the name and the state."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    return [0, *map(int, text.split()[1:])]


def _deleted(number: int, at_once: int) -> tuple[float, float]:
    """Seconds until one worker has deleted so many, and its processor time."""
    crowd = Crowd(size=number, removal_seconds=0)
    tables = {"worker": {"concurrency": at_once}}
    with with_itglue(_LATENCY_MS, crowd=crowd, **tables) as made:
        url = made.serve()
        made.start("scheduler", "scheduler")
        with httpx.Client(base_url=url) as http:
            for company in range(1, number + 1):
                body = callback(company, made.key_url)
                http.post("/webhooks/cw", content=body, headers=request_headers(body))
        made.start("worker", "worker", "--no-outbox")
        pid = made.processes["worker"].pid
        while not made.redis.zcard("unglue:deletions:deleted"):
            time.sleep(0.01)
        # From here on it is warm.
        first = made.redis.zcard("unglue:deletions:deleted")
        began, used = time.perf_counter(), processor_seconds(pid)
        while (done := made.redis.zcard("unglue:deletions:deleted")) < number:
            assert time.perf_counter() - began < 180, f"{done} of {number}"
            time.sleep(0.01)
        left = number - first
        return (time.perf_counter() - began) / left, (processor_seconds(pid) - used) / left


def measure(size: Size) -> Iterator[Figure]:
    """One worker, one at a time and several at once."""
    alone, alone_used = _deleted(_NUMBER[size], 1)
    together, used = _deleted(_NUMBER[size], _AT_ONCE)
    note = f"{_AT_ONCE} at once; {1 / alone:.2f}/s one at a time, IT Glue answers after 200 ms"
    yield Figure("deletions of one worker at once, over one at a time", alone / together, ">= 3",
                 note=note)  # fmt: skip
    note = f"{1000 * used:.0f} ms of the worker for a deletion of few asset types"
    yield Figure("their processor time, over one at a time", used / alone_used, "<= 1", note=note)
