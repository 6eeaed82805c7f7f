"""The request budget that all workers share."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.errors import CallsStopped
from workers.ledger.installation.measures import budget_used, counted
from workers.ledger.store import Store
from workers.times.clock import from_ms, to_ms

# Whoever resumes makes what waits due at once.
_ASK_AGAIN = timedelta(minutes=5)
# A plan asks fifty times at the same moment, which would be as many connections to Redis.
_AT_ONCE = 8


class RequestBudget:
    """Requests to IT Glue, counted over 5 minutes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def take(
        self,
        now: datetime,
        *,
        limit: int,
        reserve: int,
        destructive: bool,
        while_stopped: bool = False,
    ) -> datetime | None:
        """Take one request: `None` if it may be sent, else when to ask again.

        The last `reserve` of `limit` are for destructive calls alone. Raises CallsStopped: IT Glue
        refused the key too often; `while_stopped` asks nevertheless.
        """
        async with self._slots:
            until = await self._store.run(
                "take_request", now, limit, reserve, while_stopped, destructive
            )
        if until < 0:
            raise CallsStopped(
                "IT Glue refused the API key too often, so nothing is asked of it; see that the "
                "key is right (unglue doctor), then: unglue resume",
                now + _ASK_AGAIN,
            )
        return from_ms(until) if until else None

    async def used(self, now: datetime) -> tuple[int, float]:
        """Requests of the last 5 minutes, and for how many seconds nobody may send one."""
        key = self._store.key
        async with self._store.redis.pipeline(transaction=True) as reads:
            reads.hgetall(key("itglue", "requests"))
            reads.get(key("itglue", "held_until"))
            steps, held_until = await reads.execute()
        return budget_used(steps, held_until, to_ms(now))

    async def hold(self, until: datetime, now: datetime) -> None:
        """Let nobody ask until then."""
        await self._store.run("hold_requests", until, now)

    async def count(
        self, requests: Mapping[tuple[str, ...], int], steps: Mapping[tuple[str, ...], int]
    ) -> None:
        """Add to what was done: requests by method, endpoint and status, steps by their times."""
        if not requests and not steps:
            return
        async with self._store.redis.pipeline(transaction=True) as writes:
            for kind, counts in (("requests", requests), ("steps", steps)):
                name = self._store.key("counts", kind)
                for labels, number in counts.items():
                    writes.hincrby(name, counted(*labels), number)
            await writes.execute()
