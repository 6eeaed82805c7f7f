"""Deliveries whose genuineness cannot be told yet: the vendor's key server did not answer."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from workers.ledger.store import Part

# Anybody can send what lands here, so it is small.
MOST_DELIVERIES = 500
MOST_BYTES = 16 * 1024 * 1024
PATIENCE: Final = timedelta(minutes=15)


class Quarantine(Part):
    """The quarantine of every source, each bounded by itself."""

    async def keep(
        self, *, delivery: Mapping[str, str], body: bytes, due: datetime, now: datetime
    ) -> str | None:
        """Keep a delivery to be verified later, once: its id, `None` if there is no room."""
        digest = hashlib.sha256(delivery["headers"].encode() + b"\0" + body).hexdigest()
        answer = await self._store.run(
            "quarantine",
            now,
            due,
            json.dumps(delivery),
            body,
            digest,
            MOST_DELIVERIES,
            MOST_BYTES,
            durable=self._store.fsync,
            replicated=True,
        )
        return answer[1].decode() if answer[0] == b"kept" else None

    async def take_due(self, now: datetime) -> list[tuple[str, int]]:
        """Deliveries to verify, each with the number of its job."""
        return await self._store.due("quarantine:due", "delivery", now)

    async def take(self, delivery_id: str, now: datetime) -> bool:
        """Whether it is still to be verified: after three deaths once an hour."""
        return bool(await self._store.run("take_quarantined", delivery_id, now) == b"taken")

    async def later(self, delivery_id: str, due: datetime, reason: str) -> None:
        """Try again then; `reason` is why it is not proved yet."""
        await self._store.run("wait_quarantined", delivery_id, due, reason)

    async def leave(self, delivery_id: str, now: datetime, *, reason: str = "") -> None:
        """End the quarantine: proved, or dropped for this reason."""
        await self._store.run("leave_quarantine", delivery_id, now, reason)

    async def tell(self, now: datetime) -> None:
        """Have people told of each source with a delivery that has stayed for `PATIENCE`."""
        await self._store.run("tell_unproved", now, PATIENCE)
