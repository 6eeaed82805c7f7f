"""What must hold of the ledger after every step, read straight from its keys."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import redis

from workers.ledger.records import Deletion
from workers.ledger.store import PREFIX
from workers.pipeline.result import result_of
from workers.pipeline.states import DELETED, SOFT_DELETED, STATES, TERMINAL
from workers.times.clock import to_ms

# How far in the future a deletion may ask to be looked at again: the longest of its waits.
_LONGEST_WAIT_MS = 24 * 3600 * 1000

Hash = Mapping[bytes, bytes]

# The prefix: each deletion's id and state.
_STATES = """
local found = {}
for _, id in ipairs(redis.call('ZRANGE', ARGV[1] .. 'deletions', 0, -1)) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('HGET', ARGV[1] .. 'deletion:' .. id, 'state') or ''
end
return found
"""
# The prefix, and every state: each deletion's id, fields and journal; what is listed as in each
# state; what is due and when; the claims; and which callbacks wait.
_ALL = """
local deletions, listed = {}, {}
for at, id in ipairs(redis.call('ZRANGE', ARGV[1] .. 'deletions', 0, -1)) do
  deletions[at] = {
    id, redis.call('HGETALL', ARGV[1] .. 'deletion:' .. id),
    redis.call('LRANGE', ARGV[1] .. 'journal:' .. id, 0, -1)
  }
end
for at = 2, #ARGV do
  listed[at - 1] = redis.call('ZRANGE', ARGV[1] .. 'deletions:' .. ARGV[at], 0, -1)
end
return {
  deletions, listed, redis.call('ZRANGE', ARGV[1] .. 'due', 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', ARGV[1] .. 'claims'),
  redis.call('ZRANGE', ARGV[1] .. 'callbacks:due', 0, -1)
}
"""


class Books:
    """Reads the whole ledger, and compares it with what was there the last time.

    It is `stale` once anything was decided since.
    """

    def __init__(self, server: "redis.Redis") -> None:
        self._server = server
        self._states = server.register_script(_STATES)
        self._all = server.register_script(_ALL)
        self._found_well: dict[str, tuple[Deletion, list[bytes]]] = {}
        self._loaded: dict[str, tuple[Hash, Deletion]] = {}
        self._ended: dict[str, tuple[str, int]] = {}
        self._journals: dict[str, list[bytes]] = {}
        self.newest: Mapping[str, Deletion] = {}
        self.stale = True

    def deletion(self, deletion_id: str) -> Deletion:
        raw: Any = self._server.hgetall(f"{PREFIX}deletion:{deletion_id}")
        if not raw and deletion_id in self._loaded:
            # The ledger lost it; who works on it does not know that yet.
            return self._loaded[deletion_id][1]
        return self._load(deletion_id, raw)

    def begin_anew(self) -> None:
        """The ledger is another one than it was: nothing of what was there has to be there."""
        self.stale = True
        self._ended.clear()
        self._journals.clear()
        self._found_well.clear()

    def _load(self, deletion_id: str, raw: Hash) -> Deletion:
        known = self._loaded.get(deletion_id)
        if known is None or known[0] != raw:
            fields = {name.decode(): value.decode() for name, value in raw.items()}
            known = self._loaded[deletion_id] = raw, Deletion.load(fields)
        return known[1]

    def ids(self) -> list[str]:
        """The ids of all deletions, oldest first."""
        found: Any = self._server.zrange(f"{PREFIX}deletions", 0, -1)
        return [each.decode() for each in found]

    def states(self) -> dict[str, str]:
        """The state of every deletion."""
        found: Any = self._states(args=[PREFIX])
        words = [each.decode() for each in found]
        return dict(zip(words[::2], words[1::2], strict=True))

    def faults(self, now: datetime) -> Iterator[str]:
        """Everything that is not as it must be."""
        if not self.stale:
            return
        self.stale = False
        answers: Any = self._all(args=[PREFIX, *STATES])
        found, listed, due, claims, callbacks = answers
        deletions = {
            (name := each.decode()): self._load(name, _pairs(fields)) for each, fields, _ in found
        }
        self.newest = deletions
        yield from _indexes(deletions, dict(zip(STATES, listed, strict=True)))
        scores = {name.decode(): float(score) for name, score in _pairs(due).items()}
        yield from _scores(deletions, scores, now)
        holders = {org.decode(): holder.decode() for org, holder in _pairs(claims).items()}
        yield from _claims(deletions, holders)
        expected = {
            f"cb_{name[4:]}_{generation}"
            for name, each in deletions.items()
            for generation in range(1, each.generation + each.terminal)
        }
        if {each.decode() for each in callbacks} != expected:
            yield f"callbacks wait: {callbacks}, ended: {sorted(expected)}"
        for deletion, (_, _, journal) in zip(deletions.values(), found, strict=True):
            known = self._found_well.get(deletion.id)
            if known and known[0] is deletion and known[1] == journal:
                continue
            wrong = [*self._moved(deletion, journal), *_told(deletion)]
            yield from wrong
            if not wrong:
                self._found_well[deletion.id] = deletion, journal

    def _moved(self, deletion: Deletion, journal: list[bytes]) -> Iterator[str]:
        name, now = deletion.id, (deletion.state, deletion.generation)
        ended = self._ended.get(name, now)
        replayed = now[1] > ended[1] and ended[0] not in {DELETED, SOFT_DELETED}
        if ended != now and not replayed:
            yield f"{name} was {ended} and is {now}"
        if deletion.state in TERMINAL:
            self._ended[name] = now
        before = self._journals.get(name, [])
        if journal[: len(before)] != before:
            yield f"the journal of {name} was {before} and is {journal}"
        self._journals[name] = journal


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _indexes(deletions: Mapping[str, Deletion], listed: Mapping[str, list[bytes]]) -> Iterator[str]:
    for state, names in listed.items():
        there = {name for name, each in deletions.items() if each.state == state}
        if {name.decode() for name in names} != there:
            yield f"listed as {state}: {names}, are: {sorted(there)}"


def _scores(
    deletions: Mapping[str, Deletion], due: Mapping[str, float], now: datetime
) -> Iterator[str]:
    yield from (f"due, and not there: {name}" for name in due.keys() - deletions.keys())
    for name, deletion in deletions.items():
        if (name in due) == (deletion.state in TERMINAL):
            yield f"{name} is {deletion.state} and {'' if name in due else 'not '}due"
        if name in due and due[name] > to_ms(now) + _LONGEST_WAIT_MS:
            yield f"{name} is due only at {due[name]}"


def _claims(deletions: Mapping[str, Deletion], holders: Mapping[str, str]) -> Iterator[str]:
    for name, deletion in deletions.items():
        sent = deletion.intent.unsettled and deletion.state != DELETED
        if sent and holders.get(deletion.intent.org_id) != name:
            yield f"{name} sent a call and holds no claim: {holders}"
    for org, holder in holders.items():
        if holder in deletions and deletions[holder].intent.org_id != org:
            yield f"{holder} claims {org} without an intent for it"


def _told(deletion: Deletion) -> Iterator[str]:
    """The result must not say more than the state."""
    if not deletion.terminal:
        return
    result = result_of(deletion)
    if result["deleted"] is not (deletion.state == DELETED):
        yield f"{deletion.id} is {deletion.state} and says deleted={result['deleted']}"
    if not result["success"] and not result["errors"]:
        yield f"{deletion.id} is {deletion.state} and does not say why"
    if result["success"] and result["errors"]:
        yield f"{deletion.id} is {deletion.state} with errors {result['errors']}"
    if result["deleted"] and deletion.intent.number == 0:
        yield f"{deletion.id} is deleted without an intent"
