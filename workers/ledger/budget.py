"""The request budget that all workers share."""

from datetime import datetime

from workers.clock import from_ms, to_ms
from workers.ledger.store import Store


class RequestBudget:
    """Requests to IT Glue, counted over 5 minutes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(
        self, now: datetime, *, limit: int, reserve: int, destructive: bool
    ) -> datetime | None:
        """Take one request: `None` if it may be sent, else when to ask again.

        The last `reserve` of `limit` are for destructive calls alone.
        """
        until = await self._store.run(
            "take_request", [to_ms(now), limit, reserve, int(destructive)]
        )
        return from_ms(until) if until else None

    async def hold(self, until: datetime, now: datetime) -> None:
        """Let nobody ask until then."""
        await self._store.run("hold_requests", [to_ms(until), to_ms(now)])
