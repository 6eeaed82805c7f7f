"""One entry and its place in the chain, as pure values.

An entry is one line of canonical JSON (sorted keys, no spaces, UTF-8):

    seq    its number, from 1 without gaps
    at     when it was decided, `2026-01-22T10:30:00.000Z`
    what   the decision, and beside it whatever belongs to it
    prev   the hash of the entry before, "" for the first
    key    the id of the key that signs, null if none is configured
    hash   SHA-256 over the canonical entry without `hash`, `sig` and `sig_old`
    sig    HMAC-SHA256 over `hash` (and `sig_old`) with that key, null if none is configured

A `key_changed` entry bears `from` and `to`; `by_old_key` says whether the key before was still
configured, and `sig_old` is then the HMAC over `hash` with that.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from workers.audit.keys import Keyring
from workers.times.clock import from_ms, precise

FIRST_PREV: Final = ""
KEY_CHANGED: Final = "key_changed"
CHAIN_BROKEN: Final = "chain_broken"
ENTRIES_MISSING: Final = "entries_missing"
_NOT_HASHED: Final = frozenset({"hash", "sig", "sig_old"})
_OWN: Final = _NOT_HASHED | {"seq", "at", "what", "prev", "key"}

_HEAD: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")

# What comes from elsewhere is bounded: an audit log must not be a way to fill a disk.
_LONGEST_TEXT: Final = 2000
_MOST_ITEMS: Final = 500
_DEEPEST: Final = 8
MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain; `key` is the id of the key that signed it, where known."""

    seq: int
    hash: str
    key: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The head that `SEQ:HASH` names. Raises ValueError: it names none."""
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise ValueError("a head is written SEQ:HASH, like details.audit_head in a result")
        return cls(int(match[1]), match[2])

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"seq": self.seq, "hash": self.hash}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A decision that was written and is not in the chain yet.

    `id` is its place in the stream, `number` what the counter gave it, `None` if it has none,
    `body` what `body_of` made of it.
    """

    id: str
    number: int | None
    body: Mapping[str, Any]


_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical(value: Mapping[str, Any]) -> str:
    """The one way to write an entry. Raises ValueError: it holds what JSON cannot say."""
    return _CANONICAL.encode(value)


def hash_of(entry: Mapping[str, Any]) -> str:
    """The hash of an entry of this content. Raises ValueError: not for JSON or UTF-8."""
    content = {name: value for name, value in entry.items() if name not in _NOT_HASHED}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def link(body: Mapping[str, Any], before: Head | None, keys: Keyring) -> dict[str, Any]:
    """The body as the entry after `before`, signed with the newest key."""
    newest = keys.newest
    entry = {
        **body,
        "seq": before.seq + 1 if before else 1,
        "prev": before.hash if before else FIRST_PREV,
        "key": newest.id if newest else None,
    }
    old = keys.get(entry.get("from")) if entry["what"] == KEY_CHANGED else None
    if entry["what"] == KEY_CHANGED:
        entry["by_old_key"] = old is not None
    entry["hash"] = hash_of(entry)
    if old is not None:
        entry["sig_old"] = old.sign(entry["hash"])
    entry["sig"] = newest.sign(signed_text(entry)) if newest else None
    return entry


def signed_text(entry: Mapping[str, Any]) -> str:
    """What the key of an entry signs."""
    return f"{entry['hash']}{entry.get('sig_old', '')}"


def head_of(entry: Mapping[str, Any]) -> Head:
    """The head that a chain has after this entry."""
    return Head(entry["seq"], entry["hash"], entry["key"])


def body_of(line: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What was decided, as the body of an entry: tamed, bounded, in our own form."""
    detail = dict(line)
    what = detail.pop("what", None) or detail.pop("entry", None)
    at = detail.pop("at", None)
    body = {
        (f"{name}_" if name in _OWN else name): _tame(value, 0)
        for name, value in list(detail.items())[:_MOST_ITEMS]
        if value is not None
    }
    body = {str(_tame(name, 0)): value for name, value in body.items()}
    named = str(_tame(what or "unknown", 0))
    whole: dict[str, Any] = {"what": named, "at": _instant(at, now), **body}
    size = len(canonical(whole).encode())
    if size <= MOST_BYTES:
        return whole
    kept = ("what", "at", "deletion_id", "org_id", "operator")
    short = {name: whole[name] for name in kept if name in whole}
    return {**short, "left_out_bytes": size}


def _instant(at: object, now: datetime) -> str:
    if isinstance(at, int | float) and 0 <= at < 1e14:
        now = from_ms(at)
    return str(precise(now))


def _tame(value: object, depth: int) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case str():
            text = value.encode(errors="replace").decode()
            return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
        case float() if not math.isfinite(value):
            return str(value)
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case bool() | int() | float() | None:
            return value
        case Mapping() if depth < _DEEPEST:
            items = list(value.items())[:_MOST_ITEMS]
            return {str(_tame(str(name), depth)): _tame(each, depth + 1) for name, each in items}
        case list() | tuple() if depth < _DEEPEST:
            return [_tame(each, depth + 1) for each in value[:_MOST_ITEMS]]
        case _:
            return _tame(str(value), depth)


def compose(
    waiting: Sequence[Waiting],
    head: Head | None,
    *,
    number: int,
    keys: Keyring,
    broken: Mapping[str, Any] | None,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    """The entries that follow `head`: what waits, and what the writer itself has to say.

    `number` is the counter's value of the newest entry taken so far. `broken` says what is wrong
    with the chain up to here: the segment that begins says so first.
    """
    for body in _bodies(waiting, head, number=number, keys=keys, broken=broken, now=now):
        entry = link(body, head, keys)
        head = head_of(entry)
        yield entry


def _bodies(
    waiting: Sequence[Waiting],
    head: Head | None,
    *,
    number: int,
    keys: Keyring,
    broken: Mapping[str, Any] | None,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    newest = keys.newest.id if keys.newest else None
    if head is not None and head.key != newest:
        yield {**body_of({"what": KEY_CHANGED}, now), "from": head.key, "to": newest}
    if broken is not None:
        yield body_of({"what": CHAIN_BROKEN, **broken}, now)
    for each in waiting:
        if each.number is not None:
            if each.number != number + 1:
                first, last = number + 1, each.number - 1
                missing = {"what": ENTRIES_MISSING, "first": first, "last": last}
                yield body_of({**missing, "count": max(0, last - first + 1)}, now)
            number = each.number
        yield dict(each.body)
