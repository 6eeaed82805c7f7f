"""How much room Redis has left: what does not fit into its `maxmemory` is refused, events first.

A Redis that is told to throw away keys instead may lose who is active, so that stops everything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from workers.ledger.ledger import Ledger

LITTLE: Final = 0.8
EVICTS_NOTHING: Final = "noeviction"
_TOLD_EVERY: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Room:
    """What Redis uses of what it may, in bytes; `most` is 0 where it has no limit of its own.

    `policy` is what it does when that is used up.
    """

    used: int
    most: int
    policy: str = EVICTS_NOTHING

    @property
    def warning(self) -> str | None:
        """That little is left, in words."""
        if self.most == 0 or self.used < LITTLE * self.most:
            return None
        return f"{100 * self.used // self.most} % of maxmemory is used"


async def room_of(ledger: Ledger) -> Room:
    """How it is now. Raises redis.RedisError, OSError: Redis does not answer."""
    memory = await ledger.store.redis.info("memory")
    policy = str(memory.get("maxmemory_policy", EVICTS_NOTHING))
    return Room(int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0)), policy)


async def look_at_room(ledger: Ledger, now: datetime) -> None:
    """Have people told, at most every six hours, while there is somebody who can still be told.

    Where Redis was changed to make room by itself, what it threw away cannot be known.
    """
    room = await room_of(ledger)
    if room.policy != EVICTS_NOTHING:
        await ledger.stop_switch.lose_ledger(
            f"maxmemory-policy is {room.policy}, so Redis may have thrown away a part of the "
            f"ledger; set {EVICTS_NOTHING}",
            now,
        )
    if room.warning is not None:
        detail = {"says": room.warning, "used_bytes": room.used, "maxmemory_bytes": room.most}
        await ledger.notices.write("redis_filling", detail, now, once="redis", lasts=_TOLD_EVERY)
