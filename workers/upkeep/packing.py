"""What ended a while ago is packed: it is seldom read, and kept as long as retention says."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, cast

import structlog

from workers.ledger.ledger import Ledger
from workers.ledger.packing import REHEARSED, Unpackable, cut, open_record, pack_record, packed
from workers.times.clock import to_ms

# Its result is on its way, and a person may be looking at it.
REST: Final = timedelta(seconds=10)
_STEP: Final = 100
_MOST_STEPS: Final = 5
# Once a deletion has ended no script reads them but the one that begins it anew.
_PACKED: Final = frozenset(
    {
        "plan", "plan_account", "plan_counts", "plan_declines", "plan_digest", "plan_doubts",
        "plan_forms", "plan_noes",
        "intent_account", "intent_at", "intent_missing", "intent_no", "pinned", "watch",
        "identities", "forms", "audit_head", "holder", "requests", "asked_mode", "doubts",
        "read_by", "asked_as", "said_at", "order", "looked_from", "eligible_until", "export",
        "request", "approval_plan", "approval_counts", "approval_passes", "approval_why",
        "approval_reason", "ended_after", "step", "vendor", "actor", "attempts", "ready_at",
        "lease_until",
    }
)  # fmt: skip

log = structlog.get_logger()


class Packing:
    """Packs deletions that ended, each with its journal and the delivery that asked for it."""

    def __init__(self, ledger: Ledger) -> None:
        self._store = ledger.store

    async def pack(self, now: datetime) -> None:
        """At most `_MOST_STEPS` steps; what changes meanwhile is packed the next time."""
        for _ in range(_MOST_STEPS):
            found = await self._store.redis.zrangebyscore(
                self._store.key("unpacked"), "-inf", to_ms(now - REST), start=0, num=_STEP
            )
            names = [name.decode() for name in cast("list[bytes]", found)]
            done = await self._pack(names) if names else 0
            if done < _STEP:
                break

    async def _pack(self, names: Sequence[str]) -> int:
        key = self._store.key
        async with self._store.redis.pipeline(transaction=True) as reads:
            for name in names:
                reads.hgetall(key("deletion", name))
                reads.lrange(key("journal", name), 0, -1)
            found = await reads.execute()
        raw, journals = found[::2], found[1::2]
        async with self._store.redis.pipeline(transaction=False) as reads:
            for fields in raw:
                reads.hmget(key("delivery", fields.get(b"delivery_id", b"").decode()),
                            "body", "headers")  # fmt: skip
            deliveries = await reads.execute()
        calls = []
        for name, fields, journal, delivery in zip(names, raw, journals, deliveries, strict=True):
            try:
                calls.append(_call(name, fields, journal, delivery))
            except (Unpackable, ValueError):
                log.warning("not_packed", deletion_id=name)
                await self._store.redis.zrem(key("unpacked"), name)
        # One at a time: each may bring a megabyte, and nobody waits for it.
        return sum([int(await self._store.run("pack", *call)) for call in calls])


def _call(
    name: str, raw: dict[bytes, bytes], journal: Sequence[bytes], delivery: Sequence[bytes | None]
) -> list[Any]:
    kept, lines, rest = open_record(raw)
    fields = {field.decode(): value.decode() for field, value in rest.items()}
    dry_run = json.loads(fields.get("request", "{}")).get("dry_run")
    said = {REHEARSED: "1"} if dry_run else {}
    taken = {field: value for field, value in fields.items() if field in _PACKED}
    lines += [line.decode() for line in journal]
    parts = pack_record({**kept, **taken}, lines)
    body, headers = delivery
    sent = cut(packed((headers or b"[]") + b"\0" + body)) if body is not None else {}
    return [
        name,
        fields.get("updated_at", ""),
        len(journal),
        fields.get("delivery_id", "") if body is not None else "",
        body or b"",
        2 * len(sent),
        *chain(*sent.items()),
        len(taken),
        *taken,
        *chain(*{**said, **parts}.items()),
    ]
