"""From 202 to a worker's first step on an idle system, and from its death to the next one's."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from benchmarks.figure import Figure, Size
from benchmarks.installation import Installation, until, with_itglue
from benchmarks.load import callback, companies, request_headers

_NUMBER = {"quick": 10, "default": 30, "full": 200}
_LATENCY_MS = 300
_until = partial(until, what="the next step", every=0.0005)


def measure(size: Size) -> Iterator[Figure]:
    """Deletions one at a time, each begun while nothing else is under way."""
    took, gone_on = list[float](), None
    with with_itglue(_LATENCY_MS) as made, made.redis as redis:
        url = made.serve()
        made.start("scheduler", "scheduler")
        made.start("worker", "worker")
        _until(lambda: redis.exists("unglue:heartbeat:worker"))
        with httpx.Client(base_url=url) as http:
            for _ in range(_NUMBER[size] + 1):
                deletion_id = _asked(made, http)
                answered = time.perf_counter()
                _until(lambda: int(_field(redis, deletion_id, "fence")) > 0)  # noqa: B023 - called at once
                took.append(1000 * (time.perf_counter() - answered))
                _until(lambda: not int(_field(redis, deletion_id, "lease_until")))  # noqa: B023 - called at once
                time.sleep(0.3)
            if size != "quick":
                # The second worker takes over what the first one held.
                deletion_id = _asked(made, http)
                _until(lambda: int(_field(redis, deletion_id, "fence")) > 0)
                made.start("worker-2", "worker")
                held = int(_field(redis, deletion_id, "fence"))
                died = time.perf_counter()
                _kill(made.processes["worker"].pid)
                _until(lambda: int(_field(redis, deletion_id, "fence")) != held)
                gone_on = time.perf_counter() - died
    # The first one loads what those after it find loaded.
    found = sorted(took[1:])
    yield Figure("202 to the worker's first step, p50", found[len(found) // 2], "< 20", "ms")
    yield Figure(
        "202 to the worker's first step, p99", found[len(found) * 99 // 100], "< 100", "ms",
        note=f"{len(found)} deletions",
    )  # fmt: skip
    yield Figure("a killed worker's deletion goes on after", gone_on, "<= 15", "s",
             note="worker.lease is 14 s, and it is looked for five times a second")  # fmt: skip


def _asked(made: Installation, http: httpx.Client) -> str:
    body = callback(companies(1)[0], made.key_url)
    answer = http.post("/webhooks/cw", content=body, headers=request_headers(body))
    return str(answer.json()["deletion_id"])


def _kill(pid: int) -> None:
    """With the process of its job, as a machine that loses its power would."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    for each in (pid, *map(int, children)):
        os.kill(each, signal.SIGKILL)


def _field(redis: Redis, deletion_id: str, name: str) -> Any:  # noqa: ANN401 - redis-py's
    return redis.hget(f"unglue:deletion:{deletion_id}", name) or 0
