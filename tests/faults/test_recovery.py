"""Worker, scheduler and sender go on by themselves after whatever happened to Redis."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.faults.test_storage_down import FAULTS, until
from tests.support.failing_valkey import FailingValkey, answering_only
from tests.support.part import Part, part
from workers.times.clock import to_ms

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


def works(valkey: FailingValkey, number: int) -> Callable[[], bool]:
    """Whether a notice of now went by way of the sender, and a job by that of the two others."""
    name, unknown = f"ntc_t{number}", f"swp_t{number}"
    with valkey.client() as redis:
        now = to_ms(datetime.now(UTC))
        fields = {"id": name, "kind": "test", "at": now, "detail": "{}"}
        redis.hset(f"unglue:notice:{name}", mapping=fields)
        redis.zadd("unglue:notices:due", {name: now})
        redis.zadd("unglue:sweeps:due", {unknown: now})

    def handed_on() -> bool:
        with valkey.client() as redis:
            sent = bool(redis.hexists(f"unglue:notice:{name}", "targets"))
            return sent and redis.zscore("unglue:sweeps:due", unknown) is None

    return handed_on


class Heard:
    """What a part says from now on of Redis."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._before = len(part.said("redis_unavailable")), len(part.said("redis_available"))

    def trouble(self, word: str) -> bool:
        """Whether this is, at last, what it says is wrong."""
        lines = self.part.said("redis_unavailable")
        return len(lines) > self._before[0] and lines[-1]["redis"] == word

    def recovery(self) -> bool:
        return len(self.part.said("redis_available")) > self._before[1]


def test_they_live_through_everything(valkey: FailingValkey, tmp_path: Path) -> None:
    settings = {"UNGLUE_REDIS_URL": valkey.url, "UNGLUE_WORKER__REQUEUE_AFTER": "1s"}
    with ExitStack() as stack:
        worker = stack.enter_context(part("worker", tmp_path, "--no-outbox", **settings))
        scheduler = stack.enter_context(part("scheduler", tmp_path, **settings))
        sender = stack.enter_context(part("outbox", tmp_path, **settings))
        every = (worker, scheduler, sender)
        until(works(valkey, 0))
        for number, (name, (broken, word)) in enumerate(FAULTS.items(), start=1):
            heard = [Heard(each) for each in every]
            with broken(valkey):
                for ear in heard:
                    until(partial(ear.trouble, word))
            until(works(valkey, number))
            for ear in heard:
                until(ear.recovery)
                assert ear.part.runs(), name
                # A line a change, no flood; frozen may first be seen as one, then as the other.
                assert len(ear.part.said("redis_unavailable")) <= 2 * number, name
        for each in every:
            assert "Traceback" not in each.everything
            assert each.stop() == 0


@pytest.mark.parametrize("name", ["worker", "scheduler", "outbox"])
@pytest.mark.parametrize("away", ["nobody", "loading"])
def test_without_redis_they_wait_and_can_be_stopped(tmp_path: Path, name: str, away: str) -> None:
    with ExitStack() as stack:
        url = "redis://127.0.0.1:1/0"
        if away == "loading":
            url = stack.enter_context(answering_only(LOADING))
        waiting = stack.enter_context(part(name, tmp_path, UNGLUE_REDIS_URL=url))
        until(lambda: bool(waiting.said("redis_unavailable")))
        assert waiting.said("redis_unavailable")[0]["redis"] == (
            "loading" if away == "loading" else "unreachable"
        )
        assert waiting.runs()
        assert waiting.stop() == 0


@pytest.mark.parametrize("name", ["worker", "scheduler", "outbox", "serve", "up"])
@pytest.mark.parametrize(
    ("directive", "value", "fsync", "said"),
    [
        ("maxmemory-policy", "allkeys-lru", "everysec", "maxmemory-policy is allkeys-lru"),
        ("maxmemory-policy", "volatile-ttl", "everysec", "maxmemory-policy is volatile-ttl"),
        ("appendfsync", "no", "everysec", "appendfsync is no"),
        ("appendonly", "no", "fsync", "keeps no append-only file"),
        ("appendfsync", "everysec", "fsync", "appendfsync is everysec"),
    ],
)
def test_a_redis_that_loses_the_record_is_refused(
    valkey: FailingValkey, tmp_path: Path, name: str, directive: str, value: str, fsync: str,
    said: str,
) -> None:  # fmt: skip
    with (
        valkey.configured(directive, value),
        part(name, tmp_path, UNGLUE_REDIS_URL=valkey.url, UNGLUE_DURABILITY=fsync) as refusing,
    ):
        assert refusing.ended() == 2
        assert said in refusing.everything
        assert "Traceback" not in refusing.everything


@pytest.mark.parametrize("name", ["worker", "scheduler", "serve"])
def test_one_that_is_late_is_asked_then(valkey: FailingValkey, tmp_path: Path, name: str) -> None:
    valkey.stop()
    settings = {"UNGLUE_REDIS_URL": valkey.url}
    with part(name, tmp_path, **settings) as waiting:
        until(lambda: bool(waiting.said("redis_unavailable") or waiting.said("serving")))
        valkey.start(**{"maxmemory-policy": "allkeys-lru"})
        assert waiting.ended() == 2
        assert "maxmemory-policy is allkeys-lru" in waiting.everything


def test_without_append_only_a_worker_only_warns(valkey: FailingValkey, tmp_path: Path) -> None:
    with (
        valkey.without_append_only_file(),
        part("worker", tmp_path, UNGLUE_REDIS_URL=valkey.url) as worker,
    ):
        until(lambda: bool(worker.said("storage")))
        with valkey.client() as redis:
            until(lambda: int(redis.scard("rq:workers")) == 1)
        assert worker.runs()
        begun = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - begun < 30
