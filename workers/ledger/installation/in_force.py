"""Which configuration is in force, and which others were seen lately."""

from datetime import datetime, timedelta
from typing import Final, cast

from workers.ledger.store import Part
from workers.times.clock import to_ms

# A part left on another one is seen when it starts, and at each call that it is refused.
_LATELY: Final = timedelta(hours=1)


class InForce(Part):
    """The configuration in force."""

    async def started(self, part: str, digest: str, now: datetime) -> str:
        """A part was started with this configuration: the digest of the one in force."""
        answer = await self._store.run("in_force", part, digest, now, now - _LATELY)
        return bytes(answer).decode()

    async def digest(self) -> str | None:
        """The digest in force, `None` while nothing was ever started."""
        return (await self._store.hash("in_force")).get("digest")

    async def unsaid(self) -> bool:
        """Whether nobody said it since an admin accepted the ledger, so that no call is granted."""
        accepted = "accepted_at" in await self._store.hash("ledger")
        return accepted and await self.digest() is None

    async def others(self, now: datetime) -> list[str]:
        """Digests that parts were started with, or asked for a call with, within the last hour."""
        name = self._store.key("configurations", "other")
        found = cast(
            "list[bytes]", await self._store.redis.zrangebyscore(name, to_ms(now - _LATELY), "+inf")
        )
        in_force = await self.digest()
        return [each.decode() for each in found if each.decode() != in_force]
