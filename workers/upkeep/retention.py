"""What is older than `retention_days` leaves the record in small steps, deletions with a trace.

Bodies of deliveries that were ignored leave it after `IGNORED`: of most PSAs that is nearly all.
Registers, protections, claims and the audit log are no part of it.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, cast

import structlog

from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.ledger.store import record_of
from workers.pipeline.result import result_body
from workers.times.clock import to_ms

log = structlog.get_logger()
_STEP: Final = 100
_MOST_STEPS: Final = 10
IGNORED: Final = timedelta(days=7)


class Retention:
    """Prunes the ledger. Where it was in a list with much that stays, it goes on the next time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._starts: dict[str, int] = {}

    async def prune(self, now: datetime) -> None:
        """At most `_MOST_STEPS` steps of each kind."""
        cutoff = now - self._store.retention
        # A delivery stays for as long as what it led to does, so deletions come first.
        removed = {
            "deletions": await self._walk("deletions", cutoff, now, self._deletions),
            "deliveries": await self._walk("deliveries", cutoff, now, self._deliveries),
            "bodies": await self._walk("deliveries:ignored", now - IGNORED, now, self._bodies),
            "callbacks": await self._walk("callbacks", cutoff, now, self._summaries),
        }
        if any(removed.values()):
            log.info("pruned", **removed)

    async def _walk(
        self, index: str, cutoff: datetime, now: datetime,
        step: Callable[[list[str], datetime, datetime], Awaitable[int]],
    ) -> int:  # fmt: skip
        removed = 0
        for _ in range(_MOST_STEPS):
            start = self._starts.get(index, 0)
            found = await self._store.redis.zrangebyscore(
                self._store.key(index), "-inf", to_ms(cutoff), start=start, num=_STEP
            )
            names = [name.decode() for name in cast("list[bytes]", found)]
            gone = await step(names, cutoff, now) if names else 0
            removed += gone
            if len(names) < _STEP:
                self._starts[index] = 0
                break
            self._starts[index] = start + len(names) - gone
        return removed

    async def _deletions(self, names: list[str], cutoff: datetime, now: datetime) -> int:
        async with self._store.redis.pipeline(transaction=False) as reads:
            for name in names:
                reads.hgetall(self._store.key("deletion", name))
            found = await reads.execute()
        args: list[str] = []
        for name, raw in zip(names, found, strict=True):
            try:
                fields, _ = record_of(raw)
                deletion = Deletion.load(fields)
                digest = hashlib.sha256(result_body(deletion)).hexdigest()
            except (LookupError, ValueError):
                # Half a record is for people to look at.
                log.warning("unreadable", deletion_id=name)
                continue
            args += [name, fields["updated_at"], digest]
        return int(await self._store.run("prune_deletions", now, cutoff, *args))

    async def _deliveries(self, names: list[str], cutoff: datetime, now: datetime) -> int:
        del cutoff
        return int(await self._store.run("prune_deliveries", now, *names))

    async def _bodies(self, names: list[str], cutoff: datetime, now: datetime) -> int:
        del cutoff
        return int(await self._store.run("drop_bodies", now, *names))

    async def _summaries(self, names: list[str], cutoff: datetime, now: datetime) -> int:
        return int(await self._store.run("prune_summaries", now, cutoff, *names))
