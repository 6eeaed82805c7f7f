"""The outbox: results on their way to callback URLs."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from adapters.errors import NotFound
from workers.clock import from_ms, to_ms
from workers.ledger.records import Callback
from workers.ledger.refusals import ReplayRefused
from workers.ledger.store import Store, text

# Nothing renews the lease of an attempt, which may take 20 s twice.
_ATTEMPT_MS: Final = 45_000


class Callbacks:
    """The callbacks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lease(self, callback_id: str, now: datetime) -> Callback | None:
        """Take a callback for one attempt, or `None` if it is not due or not ours to send."""
        lease = min(3 * self._store.lease, max(self._store.lease, _ATTEMPT_MS))
        flat = await self._store.run("lease_callback", [callback_id, to_ms(now), lease])
        if not flat:
            return None
        fields = text(flat)
        return Callback(
            id=fields["id"],
            deletion_id=fields["deletion_id"],
            state=fields["state"],  # type: ignore[arg-type] # written by our scripts only
            attempts=int(fields["attempts"]),
            fence=int(fields["fence"]),
            created_at=from_ms(fields["created_at"]),
            kind=fields.get("kind", ""),
            target=fields.get("target", ""),
            body=fields.get("body", ""),
            notice_id=fields.get("notice_id", ""),
            generation=int(fields.get("generation") or 1),
        )

    async def replay(
        self, callback_id: str, *, operator: str, token: str, url: str, now: datetime
    ) -> str:
        """Send a result again, to this URL: the new entry's id.

        The id may also be a deletion's or a sweep's: its newest result is meant. `token` names this
        replay: with the same one nothing happens twice.

        Raises:
            NotFound: there is no such callback.
            ReplayRefused: it must not be, and why.
        """
        answer, *rest = await self._store.run(
            "replay_callback", [callback_id, to_ms(now), operator, token, url]
        )
        if answer == b"unknown":
            raise NotFound(f"there is no callback {callback_id}")
        if answer == b"refused":
            raise ReplayRefused(rest[0].decode(), callback_id)
        new: str = rest[0].decode()
        return new

    async def deletion_of(self, callback_id: str) -> str | None:
        """The deletion whose result this is; `None` if it is none's."""
        name = self._store.key("callback", callback_id)
        found = cast("bytes | None", await self._store.redis.hget(name, "deletion_id"))
        return found.decode() or None if found is not None else None

    async def record(
        self,
        held: Callback,
        *,
        state: str,
        ready_at: datetime,
        status: int | None,
        answer: str,
        line: Mapping[str, Any],
        now: datetime,
    ) -> None:
        """Write what an attempt came to. A lost lease writes nothing: the attempt is made again."""
        await self._store.run(
            "record_callback",
            [
                held.id,
                held.fence,
                to_ms(now),
                state,
                to_ms(ready_at),
                "" if status is None else status,
                answer,
                json.dumps({**line, "at": to_ms(now)}),
            ],
        )

    async def take_due(self, now: datetime, *, limit: int = 200) -> list[tuple[str, int]]:
        """Callbacks that are due and in no queue, each with the number of its next job."""
        return await self._store.due("callbacks:due", "callback", now, limit=limit)
