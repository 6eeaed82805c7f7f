"""Intake and the scheduler's tick with many finished deletions, over an empty ledger."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from redis import Redis

from benchmarks.figure import Figure, Size, over_runs
from benchmarks.installation import Installation, installation
from benchmarks.load import saturate
from workers.ledger.packing import cut
from workers.processes.duties import duties
from workers.processes.runtime import open_ledger, open_queue
from workers.processes.scheduler import Scheduler
from workers.settings import Settings, load_settings
from workers.times.clock import system_clock

_DELETIONS = {"quick": 20_000, "default": 200_000, "full": 1_000_000}
_SECONDS = {"quick": 2, "default": 3, "full": 10}
_RUNS = {"quick": 1, "default": 2, "full": 3}
_TICKS: Final = 30
_INTERVAL: Final = timedelta(seconds=5)
_AT_ONCE: Final = 2000
# Finished deletions as they are packed, spread over the time that the retention allows.
_FILL: Final = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local id, at = string.format('del_%020d', number), tonumber(ARGV[3]) - (number % 300) * 86400000
  redis.call('COPY', 'unglue:sample', 'unglue:deletion:' .. id)
  redis.call('HSET', 'unglue:deletion:' .. id, 'id', id, 'created_at', at)
  redis.call('ZADD', 'unglue:deletions', at, id)
  redis.call('ZADD', 'unglue:deletions:deleted', at, id)
end
"""


def fill(redis: Redis, number: int) -> None:
    """So many finished deletions, each of the size of a real one."""
    now = int(time.time() * 1000)
    fields: dict[Any, Any] = {"state": "deleted", "source": "cw", "client": "1", "epoch": 0,
              "generation": 1, "updated_at": now, "finished_at": now,
              "intent_org": "1", "intent_state": "accepted",
              "intent_kind": "delete", "callback_url": "", "errors": "[]", "lease_until": 0,
              "ready_at": now, "job": 1, "fence": 1, "org_id": "1"}  # fmt: skip
    packed: dict[Any, Any] = {**cut(bytes(range(64)) * 7)}
    redis.hset("unglue:sample", mapping={**fields, **packed})
    script = redis.register_script(_FILL)
    for start in range(0, number, _AT_ONCE):
        script(args=[start, min(start + _AT_ONCE, number) - 1, now])


def measure(size: Size) -> Iterator[Figure]:
    """Two installations under the same load in turn, so that the machine's mood hits both."""
    number, seconds = _DELETIONS[size], _SECONDS[size]
    with installation() as empty, installation() as full:
        fill(full.redis, number)
        urls = [f"{made.serve()}/webhooks/cw" for made in (empty, full)]
        ratios = []
        for _ in range(_RUNS[size]):
            rates = []
            for made, url in zip((empty, full), urls, strict=True):
                rates.append(saturate(url, made, seconds).rate)
            ratios.append(rates[1] / rates[0])
        ticks = [asyncio.run(_ticks(made)) for made in (empty, full)]
    note = f"{number:,} deletions"
    yield over_runs("intake with a full ledger over an empty one", ratios, ">= 0.9", note=note)
    yield Figure("scheduler's tick with a full ledger", 1000 * ticks[1], "< 50", "ms",
                 note=f"{note}; empty {1000 * ticks[0]:.1f} ms")  # fmt: skip


async def _ticks(made: Installation) -> float:
    """The median of some ticks, each with all duties that fall due."""
    names = {key: value for key, value in made.environment.items() if key.startswith("UNGLUE_")}
    settings: Settings = load_settings(names)
    took = []
    async with open_ledger(settings) as ledger, open_queue(settings) as jobs:
        scheduler = Scheduler(
            ledger, jobs, clock=system_clock, interval=_INTERVAL,
            duties=duties(settings, ledger, jobs),
        )  # fmt: skip
        for _ in range(_TICKS):
            started = time.perf_counter()
            await scheduler.tick()
            took.append(time.perf_counter() - started)
            await asyncio.sleep(0.05)
    return statistics.median(took)
