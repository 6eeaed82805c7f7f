"""What each source sent so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from workers.ledger.store import Store
from workers.times.clock import from_ms, to_ms


@dataclass(frozen=True, slots=True)
class SourceActivity:
    """The newest verified delivery, the verdicts so far, and when each alert was last raised."""

    last_delivery: datetime | None
    verdicts: Mapping[str, int]
    alerts: Mapping[str, datetime]


class Sources:
    """The activity of the sources."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def activity(self, name: str) -> SourceActivity:
        """What this source sent."""
        redis = self._store.redis
        last = cast("bytes | None", await redis.hget(self._store.key("sources", "last"), name))
        verdicts = await self._store.hash("counts", "verdicts", name)
        alerts = await self._store.hash("sources", "alerts", name)
        return SourceActivity(
            from_ms(last.decode()) if last is not None else None,
            {verdict: int(count) for verdict, count in verdicts.items()},
            {alert: from_ms(at) for alert, at in alerts.items()},
        )

    async def known_since(self, name: str, now: datetime) -> datetime:
        """When this source was first looked after: `now`, unless it was before."""
        key = self._store.key("sources", "since")
        await self._store.redis.hsetnx(key, name, str(to_ms(now)))
        since = cast("bytes | None", await self._store.redis.hget(key, name))
        return from_ms(since.decode()) if since is not None else now

    async def count(self, name: str, verdict: str, number: int = 1) -> None:
        """Count what is not stored: deliveries that are not genuine."""
        key = self._store.key("counts", "verdicts", name)
        await self._store.redis.hincrby(key, verdict, number)
