"""Signs of life of the processes."""

from datetime import datetime, timedelta
from typing import Final

from workers.ledger.store import Store
from workers.times.clock import to_ms
from workers.times.durations import milliseconds

WORKER: Final = "worker"
SCHEDULER: Final = "scheduler"
OUTBOX: Final = "outbox"
# Longer than a few of its beats, which are 5 s apart.
OUTBOX_LASTS: Final = timedelta(seconds=30)
# Longer than the half minute between two looks at a job that runs.
WORKER_LASTS: Final = timedelta(seconds=90)


class Heartbeats:
    """Which processes are alive."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def beat(self, part: str, now: datetime, lasts: timedelta) -> None:
        """Say that a process is alive."""
        await self._store.redis.set(
            self._store.key("heartbeat", part), to_ms(now), px=milliseconds(lasts)
        )

    async def alive(self, part: str) -> bool:
        """Whether the process said so lately."""
        return bool(await self._store.redis.exists(self._store.key("heartbeat", part)))
