"""The chained audit log in Redis, and what waits to join it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from workers.audit.chain import Head, Waiting, body_of, canonical, head_of
from workers.ledger.packing import Unpackable, packed, unpacked
from workers.ledger.store import Store

_Stream = list[tuple[bytes, dict[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class LogState:
    """Where the chain stands: `head` as it was noted, `last` as it is found in the log.

    `number` is the counter's value of the newest decision that joined, `floor` the seq of the
    oldest entry that is kept.
    """

    head: Head | None
    last: Head | None
    number: int
    floor: int


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it is kept, byte for byte."""

    seq: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Filed:
    """What was written to a file; `identity` tells it from another one of its name."""

    head: Head
    identity: str


class AuditLog:
    """The log. Only the writer adds to it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._log = store.key("audit", "log")
        self._pending = store.key("audit", "pending")
        self._filed = store.key("audit", "filed")

    async def state(self) -> LogState:
        """Where the chain stands."""
        async with self._store.redis.pipeline(transaction=True) as both:
            both.hgetall(self._store.key("audit", "head"))
            both.xrevrange(self._log, count=1)
            noted, newest = await both.execute()
        head = None
        if noted.get(b"seq"):
            key_id = noted[b"key"].decode() or None
            head = Head(int(noted[b"seq"]), noted[b"hash"].decode(), key_id)
        last = _head(_lines(newest)[0]) if newest else None
        return LogState(head, last, int(noted.get(b"number", 0)), int(noted.get(b"floor", 1)))

    async def waiting(self, limit: int, now: datetime) -> list[Waiting]:
        """What was decided and has not joined the chain, oldest first."""
        raw = cast("_Stream", await self._store.redis.xrange(self._pending, count=limit))
        return [_waiting(name.decode(), fields, now) for name, fields in raw]

    async def append(
        self,
        head: Head | None,
        entries: Sequence[Mapping[str, Any]],
        *,
        taken: Sequence[Waiting],
        number: int,
    ) -> bool:
        """Add entries after this head, and take away what they were made of.

        `number` is the counter's value of the newest decision among them.

        False: the head is another one by now, and nothing was done, or all of it was done before.
        """
        newest = head_of(entries[-1])
        answer = await self._store.run(
            "audit_append",
            [
                head.seq if head else "",
                head.hash if head else "",
                newest.seq,
                newest.hash,
                newest.key or "",
                number,
                len(taken),
                *(each.id for each in taken),
                *(
                    part
                    for entry in entries
                    for part in (entry["seq"], packed(canonical(entry).encode()))
                ),
            ],
            # What the file has must not be lost by a fail-over.
            replicated=True,
        )
        return bool(answer)

    async def trim(self, floor: int) -> None:
        """Keep no entry older than this one."""
        await self._store.run("audit_trim", [floor])

    async def lines(self, first: int, limit: int) -> list[Line]:
        """Entries from this seq on, oldest first."""
        raw = await self._store.redis.xrange(self._log, min=max(first, 0), count=limit)
        return _lines(cast("_Stream", raw))

    async def lines_before(self, before: int | None, limit: int) -> list[Line]:
        """Entries older than this seq, newest first."""
        newest = "+" if before is None else f"({before}-0"
        raw = await self._store.redis.xrevrange(self._log, max=newest, count=limit)
        return _lines(cast("_Stream", raw))

    async def filed(self, path: str) -> Filed | None:
        """The newest entry that was written to the file of this name."""
        known = cast("bytes | None", await self._store.redis.hget(self._filed, path))
        if known is None:
            return None
        seq, digest, identity = known.decode().split(":")
        return Filed(Head(int(seq), digest), identity)

    async def note_filed(self, path: str, filed: Filed) -> None:
        """Remember what was written to a file."""
        text = f"{filed.head.seq}:{filed.head.hash}:{filed.identity}"
        await self._store.redis.hset(self._filed, path, text)


def _lines(raw: _Stream) -> list[Line]:
    return [
        Line(int(name.decode().partition("-")[0]), _text(fields.get(b"entry", b"")))
        for name, fields in raw
    ]


def _text(value: bytes) -> bytes:
    """The line, as older versions wrote it or packed; what is damaged is no entry."""
    try:
        return unpacked(value)
    except Unpackable:
        return value


def _head(line: Line) -> Head:
    """The head that this line makes; what is no entry has no hash, and matches nothing."""
    try:
        entry = json.loads(line.text)
        return Head(line.seq, str(entry["hash"]), entry["key"])
    except (ValueError, TypeError, LookupError):
        return Head(line.seq, "unreadable")


def _waiting(name: str, fields: Mapping[bytes, bytes], now: datetime) -> Waiting:
    number = fields.get(b"n", b"")
    raw = fields.get(b"entry", b"")
    try:
        line = json.loads(raw)
    except ValueError:
        line = None
    if not isinstance(line, dict):
        line = {"what": "unreadable", "text": raw[:500].decode(errors="replace")}
    for field in ("deletion_id", "org_id"):
        value = fields.get(field.encode(), b"").decode(errors="replace")
        if value:
            line.setdefault(field, value)
    return Waiting(name, int(number) if number.isdigit() else None, body_of(line, now))
