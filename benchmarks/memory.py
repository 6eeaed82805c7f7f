"""What a finished deletion costs of Redis, everything included that grows with their number.

A webhook, its deletion, the result on its way and received, the audit log, indexes, what RQ keeps.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import httpx
from redis import Redis

from benchmarks.figure import Figure, Size
from benchmarks.installation import Installation, installation, until
from benchmarks.load import callback, request_headers
from service.demo.stand_ins import receiver
from service.sandbox.app import create_sandbox
from tests.support.plant.crowd import Crowd, crowded
from tests.support.serve import serve
from tests.support.service import SECRET
from workers.itglue.models import KINDS
from workers.times.clock import system_clock

_NUMBER = {"quick": 20, "default": 120, "full": 200}
# Before them so many, which fill what is bounded (the newest thousand decisions, for example), and
# after which an index has no short form any more: that ends at 128, and is not these ones' cost.
_BEFORE = {"quick": 0, "default": 140, "full": 140}
_wait = partial(until, seconds=240.0)


def usage(redis: Redis) -> Counter[str]:
    """Bytes by kind of key: the first words of its name, without ids."""
    found = Counter[str]()
    for name in cast("list[bytes]", redis.keys("*")):
        size = redis.memory_usage(name, samples=0) or 0
        found[kind_of(name.decode())] += size
    return found


def kind_of(name: str) -> str:
    """The name of a key without its ids."""
    parts = name.split(":")
    return ":".join(parts[1:2] if parts[0] == "unglue" else parts[:2])


def measure(size: Size) -> Iterator[Figure]:
    """Delete so many organizations, and look what is left of it."""
    number, first = _NUMBER[size], _BEFORE[size]
    sandbox = create_sandbox(
        crowded(Crowd(size=first + number, removal_seconds=0)), now=system_clock
    )
    with serve(sandbox) as itglue, serve(receiver()) as hook:
        tables: dict[str, Any] = {
            "itglue": {"api_key": "ITG.sandbox", "base_url": itglue,
                       "requests_per_5_minutes": 100_000},
            "policy": {"export": False, "grace_period": "0s", "approval": "never",
                       "max_deletions_per_day": 10_000, "max_deletions_per_hour": 10_000,
                       "dependency_limits": dict.fromkeys(KINDS, "unlimited")},
            "callback": {"url": f"{hook}/hook", "secrets": [SECRET], "allow_private_networks": True,
                         "allowed_hosts": ["127.0.0.1"]},
        }  # fmt: skip
        with installation(**tables) as made:
            url = made.serve()
            made.start("scheduler", "scheduler")
            for worker in range(2):
                made.start(f"worker-{worker}", "worker")
            redis = made.redis
            _wait(lambda: redis.exists("unglue:heartbeat:worker"), "a worker")
            _deleted(made, url, range(1, first + 1))
            before, used = usage(redis), redis.info("memory")["used_memory"]
            _deleted(made, url, range(first + 1, first + number + 1))
            after = usage(redis)
            more = (redis.info("memory")["used_memory"] - used) / number
    after.subtract(before)
    each = {kind: bytes_ / number for kind, bytes_ in after.most_common() if bytes_ >= number * 20}
    what = ", ".join(f"{kind} {bytes_ / 1000:.2f}" for kind, bytes_ in list(each.items())[:12])
    total = sum(after.values()) / number / 1000
    yield Figure("memory of a finished deletion", total, "<= 4", "kB", note=what)
    yield Figure("the same by used_memory", more / 1000, unit="kB")


def _deleted(made: Installation, url: str, companies: range) -> None:
    """Have these deleted, and wait until nothing of it is still to be done."""
    redis = made.redis
    with httpx.Client(base_url=url) as http:
        for company in companies:
            body = callback(company, made.key_url)
            answer = http.post("/webhooks/cw", content=body, headers=request_headers(body))
            assert answer.status_code == 202, answer.text
    last = companies.stop - 1
    _wait(lambda: redis.zcard("unglue:deletions:deleted") == last, "all are deleted")
    _wait(lambda: not redis.zcard("unglue:callbacks:due"), "all results are received")
    _wait(lambda: not redis.xlen("unglue:audit:pending"), "the audit log is written")
    _wait(lambda: not redis.zcard("unglue:unpacked"), "all are packed")
