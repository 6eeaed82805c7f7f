"""Claims on moments: what is to happen once, however many schedulers there are."""

from datetime import timedelta

from workers.ledger.store import Part
from workers.times.durations import milliseconds


class Ticks(Part):
    """The claims."""

    async def claim(self, name: str, lasts: timedelta) -> bool:
        """Whether it is ours: nobody claimed this name while the last claim `lasts`."""
        key = self._store.key("tick", name)
        return bool(await self._store.redis.set(key, "1", nx=True, px=milliseconds(lasts)))
