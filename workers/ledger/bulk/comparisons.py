"""The newest comparison of each PSA's companies with IT Glue, kept for a day."""

import asyncio
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from workers.ledger.store import Part
from workers.times.clock import from_ms, to_ms

KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who had it read, when, and its rows, which are who wrote them's."""

    at: datetime
    by: str
    rows: Sequence[Any]


class Comparisons(Part):
    """One a source."""

    async def keep(self, source: str, found: Comparison) -> None:
        """Keep it for a day, in place of the one before."""
        content = await asyncio.to_thread(_packed, found)
        await self._store.redis.set(self._store.key("comparison", source), content, ex=KEPT)

    async def of(self, source: str) -> Comparison | None:
        """The newest one; `None` if there is none, or it is too old."""
        name = self._store.key("comparison", source)
        content = cast("bytes | None", await self._store.redis.get(name))
        if content is None:
            return None
        return await asyncio.to_thread(_unpacked, content)

    async def begin(self, source: str, within: timedelta) -> bool:
        """Whether nobody else has it read now; for so long the next one is told so."""
        name = self._store.key("comparing", source)
        return bool(await self._store.redis.set(name, "1", ex=within, nx=True))

    async def end(self, source: str) -> None:
        """The next one may have it read."""
        await self._store.redis.delete(self._store.key("comparing", source))


# A large account has tens of thousands of rows, and the service answers others meanwhile.
def _packed(found: Comparison) -> bytes:
    return zlib.compress(json.dumps([to_ms(found.at), found.by, found.rows]).encode())


def _unpacked(content: bytes) -> Comparison:
    at, by, rows = json.loads(zlib.decompress(content))
    return Comparison(from_ms(at), by, rows)
