"""What is remembered of the IT Glue account."""

from datetime import datetime, timedelta
from typing import Any, Final

from workers.clock import from_ms, to_ms
from workers.ledger.store import Store

# It is read once a day; a read may fail.
_LASTS: Final = timedelta(days=2)


class Account:
    """The account, as the last read saw it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def remember(self, organizations: int, now: datetime) -> None:
        """How many organizations there are."""
        fields: dict[Any, Any] = {"organizations": organizations, "at": to_ms(now)}
        await self._store.redis.hset(self._store.key("account"), mapping=fields)

    async def organizations(self, now: datetime) -> int | None:
        """How many there were; `None` if nobody looked within two days."""
        fields = await self._store.hash("account")
        if not fields or now - from_ms(fields["at"]) > _LASTS:
            return None
        return int(fields["organizations"])

    async def next_read(self) -> int:
        """The number of the job that reads it."""
        return int(await self._store.redis.incr(self._store.key("jobs")))
