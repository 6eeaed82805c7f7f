"""What each source sent so far."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from workers.ledger.store import Part
from workers.times.clock import from_ms, ms_or_none, to_ms
from workers.times.durations import milliseconds


@dataclass(frozen=True, slots=True)
class SourceActivity:
    """The newest verified delivery, the verdicts so far, and when each alert was last raised."""

    last_delivery: datetime | None
    verdicts: Mapping[str, int]
    alerts: Mapping[str, datetime]


class Sources(Part):
    """The activity of the sources."""

    async def activity(self, name: str) -> SourceActivity:
        """What this source sent."""
        last = await self._store.value(name, "sources", "last")
        verdicts = await self._store.hash("counts", "verdicts", name)
        alerts = await self._store.hash("sources", "alerts", name)
        return SourceActivity(
            ms_or_none(last),
            {verdict: int(count) for verdict, count in verdicts.items()},
            {alert: from_ms(at) for alert, at in alerts.items()},
        )

    async def known_since(self, name: str, now: datetime) -> datetime:
        """When this source was first looked after: `now`, unless it was before."""
        key = self._store.key("sources", "since")
        await self._store.redis.hsetnx(key, name, str(to_ms(now)))
        return ms_or_none(await self._store.value(name, "sources", "since")) or now

    async def others(self, names: Collection[str]) -> dict[str, datetime]:
        """When each source that is called by none of these names sent something last, by name."""
        last = await self._store.hash("sources", "last")
        return {name: from_ms(at) for name, at in sorted(last.items()) if name not in names}

    async def count(self, name: str, verdict: str, number: int = 1) -> None:
        """Count what is not stored: deliveries that are not genuine."""
        key = self._store.key("counts", "verdicts", name)
        await self._store.redis.hincrby(key, verdict, number)

    # -- whether their PSAs answer ---------------------------------------------------------------

    async def refused(self, name: str, credentials: str, message: str, until: datetime) -> None:
        """These credentials of the source were refused, and are not tried until then."""
        line = {"by": credentials, "until": to_ms(until), "message": message}
        await self._store.redis.hset(self._store.key("psa", "refused"), name, json.dumps(line))

    async def refusal(self, name: str, credentials: str, now: datetime) -> str | None:
        """With which words these credentials were refused lately; `None` if they may be tried."""
        known = json.loads(await self._store.value(name, "psa", "refused") or "{}")
        if known.get("by") != credentials or to_ms(now) >= known["until"]:
            return None
        return str(known["message"])

    async def silent(self, name: str, now: datetime, forgotten: timedelta) -> datetime:
        """Since when the source's PSA has not answered; an older silence is `forgotten` by then."""
        known = json.loads(await self._store.value(name, "psa", "silent") or "{}")
        at = to_ms(now)
        lasting = at - known.get("last", 0) <= milliseconds(forgotten)
        first = known["first"] if lasting else at
        line = json.dumps({"first": first, "last": at})
        await self._store.redis.hset(self._store.key("psa", "silent"), name, line)
        return from_ms(first)

    async def answered(self, name: str) -> None:
        """The source's PSA answers."""
        await self._store.redis.hdel(self._store.key("psa", "silent"), name)
