"""How much of IT Glue's request budget four workers use while much waits, and who is refused."""

import time
from collections.abc import Iterator

import httpx

from benchmarks.figure import Figure, Size
from benchmarks.installation import installation
from benchmarks.load import callback, companies, prepare, request, send
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.serve import serve
from workers.times.clock import system_clock

_BUDGET = {"quick": 150, "default": 300, "full": 3000}
_SECONDS = {"quick": 25, "default": 45, "full": 320}


def measure(size: Size) -> Iterator[Figure]:
    """1,000 deletions wait; the budget of five minutes is used, and not more than it."""
    budget = _BUDGET[size]
    settings = SandboxSettings(latency_ms=100, requests_per_5_minutes=budget)
    with serve(create_sandbox(settings, now=system_clock)) as itglue:
        asked = {"api_key": "ITG.sandbox", "base_url": itglue, "requests_per_5_minutes": budget}
        with installation(itglue=asked) as made, httpx.Client(base_url=itglue) as http:
            url = f"{made.serve()}/webhooks/cw"
            bodies = (callback(each, made.key_url) for each in companies(1000))
            file = prepare(made.folder / "load", map(request, bodies))
            send(url, file, 1.05, rate=1000)
            made.start("scheduler", "scheduler")
            for number in range(4):
                made.start(f"worker-{number}", "worker")
            end, answers = time.monotonic() + _SECONDS[size], list[int]()
            while time.monotonic() < end and len(answers) < 0.95 * budget:
                time.sleep(1)
                entries = http.get("/_sandbox/requests").json()["requests"]
                answers = [entry["status"] for entry in entries]
            time.sleep(2)
            entries = http.get("/_sandbox/requests").json()["requests"]
    refused = sum(entry["status"] == 429 for entry in entries)
    yield Figure("share of IT Glue's request budget in use, 1,000 waiting", len(entries) / budget,
                 ">= 0.95", note=f"{budget} in 5 minutes, 5 % kept for calls")  # fmt: skip
    yield Figure("requests that IT Glue refused (429)", refused, "<= 0")
