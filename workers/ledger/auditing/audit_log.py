"""The chained audit log in Redis, and what waits to join it.

Entries join it one by one and are later kept a hundred together, for each repeats most of the one
before it. Every line stays what it was, byte for byte.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final, cast

from workers.audit.chain import Head, Waiting, body_of, canonical, head_of
from workers.ledger.packing import Unpackable, packed, unpacked
from workers.ledger.store import Store

_Stream = list[tuple[bytes, dict[bytes, bytes]]]

_FOLDED: Final = 100
_FOLDED_BYTES: Final = 256 * 1024
# The newest, which are looked at again and again, stay as they came.
_UNFOLDED: Final = 20
# How many values are read at once: one holds as much as a reader asks for.
_VALUES: Final = 2


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
        self._head = store.key("audit", "head")
        self._older = store.key("audit", "folded")
        self._pending = store.key("audit", "pending")

    async def state(self) -> LogState:
        """Where the chain stands."""
        async with self._store.redis.pipeline(transaction=True) as both:
            both.hgetall(self._head)
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
        lines = [(entry["seq"], packed(canonical(entry).encode())) for entry in entries]
        answer = await self._store.run(
            "audit_append",
            *((head.seq, head.hash) if head else ("", "")),
            newest.seq,
            newest.hash,
            newest.key,
            number,
            len(taken),
            *(each.id for each in taken),
            *chain(*lines),
            # What the file has must not be lost by a fail-over.
            replicated=True,
        )
        return bool(answer)

    async def trim(self, floor: int) -> None:
        """Keep no entry older than this one."""
        await self._store.run("audit_trim", floor)

    async def fold(self) -> bool:
        """Keep the oldest entries together, if there are many; whether there may be more."""
        most = _FOLDED + _UNFOLDED
        if await self._store.redis.xlen(self._log) < most:
            return False
        # The newest are read as well: others may have folded since, and would leave none of them.
        raw = cast("_Stream", await self._store.redis.xrange(self._log, count=most))
        if len(raw) < most:
            return False
        together = _foldable(raw[:_FOLDED])
        raw = raw[: len(together) or 1]
        read = [part for name, fields in raw for part in (name, *chain(*fields.items()))]
        digest = hashlib.sha1(b" ".join(read), usedforsecurity=False).hexdigest()
        value = packed(b"\n".join(together)) if together else b""
        return bool(await self._store.run("audit_fold", len(raw), digest, raw[-1][0], value))

    async def lines(self, first: int, limit: int) -> list[Line]:
        """Entries from this seq on, oldest first."""
        found = list[Line]()
        while len(found) < limit:
            async with self._store.redis.pipeline(transaction=True) as both:
                both.xrange(self._older, min=max(first, 0), count=_VALUES)
                both.xrange(self._log, min=max(first, 0), count=limit)
                both.hget(self._head, "floor")
                older, newer, floor = await both.execute()
            # A value bears the seq of its newest entry, so the first may begin before.
            oldest = max(first, int(floor or 0))
            some = [line for line in _lines(older) if line.seq >= oldest]
            if whole := len(older) < _VALUES:
                some += _lines(newer)
            found += some
            if whole or not some:
                break
            first = found[-1].seq + 1
        return found[:limit]

    async def lines_before(self, before: int | None, limit: int) -> list[Line]:
        """Entries older than this seq, newest first."""
        found = list[Line]()
        while len(found) < limit and (before is None or before > 1):
            newest = "+" if before is None else f"({before}-0"
            async with self._store.redis.pipeline(transaction=True) as reads:
                reads.xrevrange(self._log, max=newest, count=limit)
                reads.xrevrange(self._older, max=newest, count=_VALUES)
                # What is kept together with the one before which they are wanted.
                reads.xrange(self._older, min=before or "+", count=1)
                reads.hget(self._head, "floor")
                newer, older, around, floor = await reads.execute()
            some = _lines(newer)
            if len(newer) < limit:
                oldest, kept = int(floor or 0), _lines([*older[::-1], *around])[::-1]
                some += [
                    line
                    for line in kept
                    if line.seq >= oldest and (before is None or line.seq < before)
                ]
            found += some
            if not some:
                break
            before = found[-1].seq
        return found[:limit]

    async def filed(self, path: str) -> Filed | None:
        """The newest entry that was written to the file of this name."""
        known = await self._store.value(path, "audit", "filed")
        if known is None:
            return None
        seq, digest, identity = known.split(":")
        return Filed(Head(int(seq), digest), identity)

    async def note_filed(self, path: str, filed: Filed) -> None:
        """Remember what was written to a file."""
        text = f"{filed.head.seq}:{filed.head.hash}:{filed.identity}"
        await self._store.redis.hset(self._store.key("audit", "filed"), path, text)


def _foldable(raw: _Stream) -> list[bytes]:
    """The lines of the first entries that can be kept together: ours, and none missing between."""
    together, size, first = list[bytes](), 0, int(raw[0][0].partition(b"-")[0])
    for place, (name, fields) in enumerate(raw):
        line = _text(fields.get(b"entry", b""))
        size += len(line)
        ours = list(fields) == [b"entry"] and line and b"\n" not in line
        if not ours or name != f"{first + place}-0".encode() or size > _FOLDED_BYTES:
            break
        together.append(line)
    return together


def _lines(raw: _Stream) -> list[Line]:
    lines = list[Line]()
    for name, fields in raw:
        last = int(name.partition(b"-")[0])
        together = fields.get(b"entries")
        whole = _text(fields.get(b"entry", b"") if together is None else together)
        texts = [whole] if together is None else whole.split(b"\n")
        lines += [Line(last - len(texts) + 1 + place, text) for place, text in enumerate(texts)]
    return lines


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
