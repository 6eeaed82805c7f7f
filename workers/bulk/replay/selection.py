"""Which records a bulk replay is about: those that a person names, or what a filter finds.

A filter never finds what succeeded, and what a person cancelled only if it asks for that.
Deliveries and deletions come newest first, so that whatever was replayed when it ends early,
nothing was asked for that a newer event takes back; results come in the order of their ends.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import itemgetter
from types import MappingProxyType
from typing import Final, cast

from workers.ledger.bulk.replays import What
from workers.ledger.ledger import Ledger
from workers.ledger.sending.results import fields_of
from workers.ledger.store import Store
from workers.pipeline.states import BLOCKED, CANCELLED, FAILED
from workers.times.clock import to_ms

# What a filter may ask for, the words that it means without asking first.
STATES: Final[Mapping[What, tuple[str, ...]]] = MappingProxyType(
    {
        "deletions": (FAILED, BLOCKED, CANCELLED),
        "deliveries": ("rejected", "ignored"),
        "callbacks": ("dead", "stopped", "delivered"),
    }
)
_UNASKED: Final[Mapping[What, tuple[str, ...]]] = MappingProxyType(
    {"deletions": (FAILED, BLOCKED), "deliveries": ("rejected",), "callbacks": ("dead",)}
)
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Records of this source and state (or verdict) that are of [since, until)."""

    what: What
    source: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The first `limit` of the records that fit, and how many fit in all."""

    ids: tuple[str, ...]
    matched: int


async def select(ledger: Ledger, wanted: Filter, limit: int) -> Found:
    """What the filter finds now."""
    ids: list[str] = []
    matched = 0
    # What comes meanwhile moves the rest, and some of it is seen again.
    seen: set[str] = set()
    states = (wanted.state,) if wanted.state else _UNASKED[wanted.what]
    if wanted.what == "deletions" and wanted.source is None:
        # Their index says all of it, and most of a ledger is what succeeded.
        names = await _of_states(ledger.store, wanted, states)
        return Found(tuple(names[:limit]), len(names))
    async for chunk in _chunks(ledger.store, wanted, states):
        fresh = [name for name in chunk if name not in seen]
        seen.update(fresh)
        for name, source, has in await _read(ledger.store, wanted.what, fresh):
            if wanted.source in (None, source) and any(state in has for state in states):
                matched += 1
                if len(ids) < limit:
                    ids.append(name)
    return Found(tuple(ids), matched)


async def _of_states(store: Store, wanted: Filter, states: Sequence[str]) -> list[str]:
    """Deletions that are in one of the states now."""
    oldest, newest = _range(wanted)
    async with store.redis.pipeline(transaction=True) as reads:
        for state in states:
            index = store.key("deletions", state)
            reads.zrevrangebyscore(index, newest, oldest, withscores=True)
        found = cast("list[list[tuple[bytes, float]]]", await reads.execute())
    rows = sorted(chain(*found), key=itemgetter(1, 0), reverse=True)
    return [name.decode() for name, _ in rows]


def _range(wanted: Filter) -> tuple[str, str]:
    oldest = str(to_ms(wanted.since)) if wanted.since else "-inf"
    return oldest, f"({to_ms(wanted.until)}" if wanted.until else "+inf"


async def _chunks(store: Store, wanted: Filter, states: Sequence[str]) -> AsyncIterator[list[str]]:
    oldest, newest = _range(wanted)
    if wanted.what == "deletions":
        names = await _of_states(store, wanted, states)
        for start in range(0, len(names), _CHUNK):
            yield names[start : start + _CHUNK]
        return
    index = store.key(wanted.what)
    start = 0
    while True:
        if wanted.what == "callbacks":
            found = await store.redis.zrangebyscore(index, oldest, newest, start=start, num=_CHUNK)
        else:
            found = await store.redis.zrevrangebyscore(
                index, newest, oldest, start=start, num=_CHUNK
            )
        if not found:
            return
        yield [name.decode() for name in cast("list[bytes]", found)]
        start += _CHUNK


async def _read(store: Store, what: What, names: list[str]) -> list[tuple[str, str, set[str]]]:
    """Of each record that is still there: its id, source, and the states or verdicts it has."""
    match what:
        case "deletions":
            rows = await _fields(store, "deletion", names, "source", "state")
            return [(name, source, {state}) for name, (source, state) in rows]
        case "deliveries":
            # Of several events in one delivery, each has a verdict.
            # Of a packed one with one event the delivery's own says it.
            wanted = ("source", "events", "event_id", "verdict")
            rows = await _fields(store, "delivery", names, *wanted)
            return [
                (name, source, {verdict} if event_id and not events else _verdicts(events))
                for name, (source, events, event_id, verdict) in rows
            ]
        case "callbacks":
            found = [each for each in await fields_of(store, names) if each]
            of = [each.get("deletion_id", "") for each in found]
            owners = dict(await _fields(store, "deletion", of, "source"))
            return [
                (each["id"], "".join(owners.get(owner, ("",))), {each["state"]})
                for each, owner in zip(found, of, strict=True)
            ]


def _verdicts(events: str) -> set[str]:
    return {verdict for verdict in STATES["deliveries"] if f'"verdict":"{verdict}"' in events}


async def _fields(
    store: Store, kind: str, names: list[str], *fields: str
) -> list[tuple[str, tuple[str, ...]]]:
    async with store.redis.pipeline(transaction=False) as reads:
        for name in names:
            reads.hmget(store.key(kind, name), list(fields))
        answers = await reads.execute()
    return [
        (name, tuple((value or b"").decode() for value in values))
        for name, values in zip(names, answers, strict=True)
        if any(value is not None for value in values)
    ]
