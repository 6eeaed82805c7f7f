"""Bulk replays: begun with fixed records, worked off one by one, ended, each by one script."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from adapters.errors import Conflict
from workers.ledger.deleting.deletions import Fenced
from workers.ledger.deleting.leases import ListedWork
from workers.ledger.deleting.refusals import KeyReused
from workers.ledger.records import loaded
from workers.ledger.store import text
from workers.settings.policy import Mode

What = Literal["deletions", "deliveries", "callbacks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReplay:
    """One of them. `next` of its `total` records are done; `rate` is records a minute.

    `named`: each record was named by a person, not found by a filter. `matched` may be more than
    `total`, which is limited. `ordered_after` so many decisions of the ledger it was asked for,
    under the policy's `mode`.
    States: running, finished, cancelled.
    """

    id: str
    what: What
    state: str
    by: str
    named: bool = False
    filter: Mapping[str, Any]
    rate: int
    total: int
    matched: int
    next: int
    deaths: int
    fence: int
    stopped_by: str = ""
    ordered_after: int = 0
    mode: Mode | None = None
    created_at: datetime
    ready_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: these records, `rate` a minute, chosen so by this person.

    `asked` tells the request from another one, whatever it finds at its time. `mode` is the
    policy's then: while it lasts nothing is asked for that is harder.
    """

    what: What
    by: str
    ids: tuple[str, ...]
    matched: int
    named: bool
    rate: int
    filter: Mapping[str, Any]
    asked: str = ""
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the records so far: how many of each outcome, and why each refused one."""

    counts: Mapping[str, int]
    refused: Mapping[str, str]


class Replays(ListedWork[BulkReplay]):
    """The bulk replays."""

    kind = "replay"
    form = BulkReplay

    async def begin(self, replay_id: str, order: Order, now: datetime) -> BulkReplay:
        """Begin one, or find the one that has this id already. Raises KeyReused."""
        fields = {
            "what": order.what,
            "by": order.by,
            "named": "1" if order.named else "",
            "filter": json.dumps(order.filter),
            "rate": str(order.rate),
            "matched": str(order.matched),
            "asked": order.asked,
            "mode": order.mode or "",
        }
        answer = await self._store.run(
            "open_replay",
            replay_id,
            now,
            self._store.retention,
            json.dumps(fields),
            json.dumps(list(order.ids)),
            durable=self._store.fsync,
            replicated=True,
        )
        if answer == -1:
            raise KeyReused
        return await self.get(replay_id)

    async def item(self, held: BulkReplay) -> str | None:
        """The record that is next, if one is left."""
        name = self._store.key("replay", held.id, "items")
        found = cast("bytes | None", await self._store.redis.lindex(name, held.next))
        return found.decode() if found is not None else None

    async def record(
        self, held: BulkReplay, item: str, outcome: str, *, until: datetime | None, now: datetime
    ) -> BulkReplay:
        """Write what became of the next record; with `until`, go on then. Raises Fenced."""
        return await self._record(held, held.next + 1, item, outcome, until, now)

    async def end(self, held: BulkReplay, now: datetime) -> BulkReplay:
        """End it: nothing is left, or a person stopped it. Raises Fenced."""
        return await self._record(held, held.next, "", "", None, now)

    async def _record(
        self, held: BulkReplay, done: int, item: str, outcome: str, until: datetime | None,
        now: datetime,
    ) -> BulkReplay:  # fmt: skip
        flat = await self._store.run(
            "record_replay",
            held.id,
            held.fence,
            now,
            done,
            item,
            outcome,
            0 if until else self._store.lease,
            until or now,
            self._store.retention,
            self._store.own_clock,
        )
        if not flat:
            raise Fenced(f"replay {held.id} was taken over while this worker was away")
        return loaded(BulkReplay, text(flat))

    async def stop(self, replay_id: str, *, by: str, now: datetime) -> BulkReplay:
        """End it after the record that it is at. Raises NotFound, Conflict."""
        answer = await self._store.run("stop_replay", replay_id, now, by, self._store.retention)
        if answer == b"ended":
            raise Conflict(f"replay {replay_id} has ended; there is nothing left to stop")
        return await self.get(replay_id)

    async def outcomes(self, replay_id: str) -> Outcomes:
        """What became of its records so far."""
        counts = await self._store.hash("replay", replay_id, "counts")
        refused = await self._store.hash("replay", replay_id, "refused")
        return Outcomes({name: int(value) for name, value in counts.items()}, refused)
