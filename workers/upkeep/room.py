"""How much room Redis has left: what does not fit into its `maxmemory` is refused, events first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from workers.ledger.ledger import Ledger

LITTLE: Final = 0.8
_TOLD_EVERY: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Room:
    """What Redis uses of what it may, in bytes; `most` is 0 where it has no limit of its own."""

    used: int
    most: int

    @property
    def warning(self) -> str | None:
        """That little is left, in words."""
        if self.most == 0 or self.used < LITTLE * self.most:
            return None
        return f"{100 * self.used // self.most} % of maxmemory is used"


async def room_of(ledger: Ledger) -> Room:
    """How it is now.

    Raises:
        redis.RedisError, OSError: Redis does not answer.
    """
    memory = await ledger.store.redis.info("memory")
    return Room(int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0)))


async def tell_of_little_room(ledger: Ledger, now: datetime) -> None:
    """Have people told, at most every six hours, while there is somebody who can still be told."""
    room = await room_of(ledger)
    if room.warning is not None:
        detail = {"says": room.warning, "used_bytes": room.used, "maxmemory_bytes": room.most}
        await ledger.notices.write("redis_filling", detail, now, once="redis", lasts=_TOLD_EVERY)
