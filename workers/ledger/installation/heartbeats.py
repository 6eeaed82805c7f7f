"""Signs of life of the processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from workers.ledger.store import Part
from workers.times.clock import from_ms, to_ms
from workers.times.durations import milliseconds

WORKER: Final = "worker"
SCHEDULER: Final = "scheduler"
OUTBOX: Final = "outbox"
SERVICE: Final = "service"
# Longer than a few of their beats, which are 5 s apart.
OUTBOX_LASTS: Final = timedelta(seconds=30)
SERVICE_LASTS: Final = OUTBOX_LASTS
# Longer than the half minute between two looks at a job that runs.
WORKER_LASTS: Final = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Call:
    """A call to who watches from outside; "withheld" for `why` if something is not well."""

    at: datetime
    state: Literal["sent", "withheld", "failed"]
    why: str


class Heartbeats(Part):
    """Which processes are alive, and whether that was told outside."""

    async def beat(self, part: str, now: datetime, lasts: timedelta) -> None:
        """Say that a process is alive."""
        await self._store.redis.set(
            self._store.key("heartbeat", part), to_ms(now), px=milliseconds(lasts)
        )

    async def alive(self, part: str) -> bool:
        """Whether the process said so lately."""
        return bool(await self._store.redis.exists(self._store.key("heartbeat", part)))

    async def called(self, call: Call) -> None:
        """Note the newest call to whoever watches from outside."""
        fields: dict[Any, Any] = {"at": to_ms(call.at), "state": call.state, "why": call.why}
        await self._store.redis.hset(self._store.key("heartbeat", "call"), mapping=fields)

    async def newest_call(self) -> Call | None:
        """The newest one, `None` if there was none."""
        fields = await self._store.hash("heartbeat", "call")
        if not fields:
            return None
        return Call(from_ms(fields["at"]), fields["state"], fields["why"])  # type: ignore[arg-type] # written above
