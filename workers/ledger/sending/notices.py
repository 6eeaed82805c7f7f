"""What people must be told: written down by whoever sees it, sent by the outbox."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from workers.ledger.store import Part
from workers.times.clock import from_ms, to_ms

# Longer than the outbox tries.
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people must be told. `targets` is `None` until it was handed to the outbox."""

    id: str
    kind: str
    at: datetime
    detail: Mapping[str, Any]
    targets: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a notice at one target; `status` is the newest answer's, if there was one."""

    target: str
    state: str
    attempts: int
    status: int | None
    answer: str


class Notices(Part):
    """The notices. Scripts write theirs in the same instant as what they decide."""

    async def write(
        self,
        kind: str,
        detail: Mapping[str, Any],
        now: datetime,
        *,
        once: str = "",
        lasts: timedelta = timedelta(days=1),
    ) -> str | None:
        """Have people told: the notice's id, or `None` if this hour had too many of its kind.

        With `once`, they are not told again of the same while it `lasts`; the id is the first's.
        """
        if not once:
            # The command may be repeated over a broken connection, and is then the same notice.
            once, lasts = uuid4().hex, timedelta(minutes=10)
        answer = await self._store.run("notice", now, kind, json.dumps(detail), once, lasts)
        return answer.decode() if answer else None

    async def due(self, now: datetime, *, limit: int = 200) -> list[str]:
        """The ids of notices to hand to the outbox, oldest first."""
        found = await self._store.redis.zrangebyscore(
            self._store.key("notices", "due"), "-inf", to_ms(now), start=0, num=limit
        )
        return [name.decode() for name in cast("list[bytes]", found)]

    async def get(self, notice_id: str) -> Notice:
        """One notice. Raises NotFound: there is none of this id."""
        fields = await self._store.found("notice", notice_id, "notification")
        targets = fields.get("targets")
        return Notice(
            id=notice_id,
            kind=fields["kind"],
            at=from_ms(fields["at"]),
            detail=json.loads(fields["detail"]),
            targets=tuple(json.loads(targets)) if targets is not None else None,
        )

    async def fan_out(self, notice_id: str, targets: Sequence[str], now: datetime) -> None:
        """Put the notice into the outbox, once for each target. Done before: nothing happens."""
        await self._store.run("fan_out", notice_id, now, _KEPT, json.dumps(list(targets)))

    async def sent(self, notice: Notice) -> tuple[Sent, ...]:
        """What became of it at each target."""
        found = []
        for target in notice.targets or ():
            entry = f"ntf_{notice.id.removeprefix('ntc_')}_{target}"
            fields = await self._store.hash("callback", entry)
            status = fields.get("last_status")
            found.append(
                Sent(
                    target,
                    fields["state"] if fields else "unknown",
                    int(fields.get("attempts", "0")),
                    int(status) if status else None,
                    fields.get("last_answer", ""),
                )
            )
        return tuple(found)
