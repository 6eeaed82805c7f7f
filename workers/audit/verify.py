"""Is a chain whole? The first entry that is broken, missing or out of order, and why.

What the signature of one entry proves, it proves of every entry before it: each holds the hash of
the one before. So an entry that cannot be checked by itself (its key is no longer configured, or
there was none yet) is proved by a later one that can; a chain that ends in such entries is not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.counting import counted
from workers.audit.chain import (
    CHAIN_BROKEN,
    ENTRIES_MISSING,
    FIRST_PREV,
    KEY_CHANGED,
    Head,
    canonical,
    hash_of,
    head_of,
    signed_text,
)
from workers.audit.keys import Keyring


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong first: in which line of which file (`None` for Redis), with which entry."""

    why: str
    file: str | None = None
    line: int | None = None
    seq: int | None = None

    def __str__(self) -> str:
        place = ", line ".join(str(part) for part in (self.file, self.line) if part is not None)
        entry = f"entry {self.seq}" if self.seq is not None else ""
        return ": ".join(part for part in (place, entry, self.why) if part)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `notes` say what could not be checked, and what the chain says of itself."""

    entries: int
    first: int | None
    head: Head | None
    fault: Fault | None
    notes: tuple[str, ...]


@dataclass
class Verifier:
    """Takes line after line, then says what it found. It stops at the first fault.

    `before` is the entry that the chain continues, if it does not begin at the first; `anywhere`
    lets it begin at any (Redis keeps only the newest). `expected` is a head that must be in the
    chain; unless `vouched`, it lies beside the chain, and whoever changed that could change it.
    """

    keys: Keyring
    before: Head | None = None
    anywhere: bool = False
    expected: Head | None = None
    vouched: bool = True
    fault: Fault | None = None
    entries: int = 0
    first: int | None = None
    head: Head | None = None
    _notes: list[str] = field(default_factory=list)
    _unproved: Fault | None = None
    _met: bool = False
    _proved: bool = False

    def take(self, raw: bytes, *, file: str | None = None, line: int | None = None) -> bool:
        """One line without its end; whether the chain is whole so far."""
        if self.fault is not None:
            return False
        try:
            entry = _parsed(raw)
        except ValueError as error:
            self.fault = Fault(str(error), file, line, self._next())
            return False
        skipped = self.before is not None and self.head is None and entry["seq"] <= self.before.seq
        if skipped and self.before is not None and entry["seq"] < self.before.seq:
            return True
        why = self._wrong(entry, raw, trusted=skipped)
        if why is not None:
            self.fault = Fault(why, file, line, entry["seq"])
            return False
        if skipped:
            return True
        self._note(entry)
        self._prove(entry, Fault("", file, line, entry["seq"]))
        self.head = head_of(entry)
        self.first = self.first if self.first is not None else entry["seq"]
        self.entries += 1
        return True

    def _next(self) -> int | None:
        last = self.head or self.before
        if last is None:
            return None if self.anywhere else 1
        return last.seq + 1

    def _wrong(self, entry: Mapping[str, Any], raw: bytes, *, trusted: bool) -> str | None:
        """What is wrong with this entry at this place."""
        if canonical(entry).encode() != raw:
            return "it is not in the one form that entries are written in: somebody edited it"
        if hash_of(entry) != entry["hash"]:
            return "its content does not match its hash: it was edited"
        if trusted and self.before is not None:
            return None if entry["hash"] == self.before.hash else "it is not the entry named before"
        return self._misplaced(entry) or self._signed_wrong(entry) or self._unexpected(entry)

    def _misplaced(self, entry: Mapping[str, Any]) -> str | None:
        seq, last, due = entry["seq"], self.head or self.before, self._next()
        if due is not None and seq > due:
            missing = f"entry {due} is missing" if seq == due + 1 else f"{due} to {seq - 1} miss"
            hint = "; give the files before this one too, or --continues" if last is None else ""
            return f"{missing} before it{hint}"
        if due is not None and seq < due:
            return f"it stands after entry {due - 1}: repeated, inserted or out of order"
        prev = last.hash if last else FIRST_PREV
        if last is None and self.anywhere:
            return None
        if entry["prev"] != prev:
            return "it does not continue the entry before it: one of them was replaced"
        return None

    def _signed_wrong(self, entry: Mapping[str, Any]) -> str | None:
        if entry["key"] is None:
            if entry["sig"] is not None:
                return "it has a signature and names no key"
        elif (key := self.keys.get(entry["key"])) is not None:
            if not key.signed(signed_text(entry), entry["sig"]):
                return "its signature is wrong: it was written without the key"
        elif not isinstance(entry["sig"], str):
            return "its signature is missing"
        in_force = self.head or self.before
        if entry["what"] == KEY_CHANGED:
            return self._changed_wrong(entry, in_force)
        if "sig_old" in entry:
            return "a signature was added to it"
        if in_force is not None and in_force is not self.before and entry["key"] != in_force.key:
            return (
                f"it is signed with {_named(entry['key'])} while {_named(in_force.key)} was in "
                "force: no entry says that the key was changed"
            )
        return None

    def _changed_wrong(self, entry: Mapping[str, Any], in_force: Head | None) -> str | None:
        source, to = entry.get("from"), entry.get("to")
        if entry.get("by_old_key") is not ("sig_old" in entry):
            return "its signature with the key before is missing, or was added"
        if to != entry["key"] or (
            in_force is not None and in_force is not self.before and source != in_force.key
        ):
            return "it changes the key otherwise than it says"
        old = self.keys.get(source)
        if (
            old is not None
            and "sig_old" in entry
            and not old.signed(entry["hash"], entry["sig_old"])
        ):
            return "its signature with the key before is wrong"
        new = self.keys.get(to)
        if old is not None and new is not None and "sig_old" not in entry:
            ranks = [self.keys.keys.index(key) for key in (old, new)]
            if ranks[0] < ranks[1]:
                return "it goes back to an older key without the signature of the newer"
        return None

    def _unexpected(self, entry: Mapping[str, Any]) -> str | None:
        expected = self.expected
        if expected is None or entry["seq"] != expected.seq:
            return None
        if entry["hash"] != expected.hash:
            return "it is not the entry that was expected here: this is another chain"
        self._met = True
        return None

    def _note(self, entry: Mapping[str, Any]) -> None:
        seq, what = entry["seq"], entry["what"]
        if what == KEY_CHANGED and entry.get("from") and "sig_old" not in entry:
            self._notes.append(f"entry {seq}: the key was changed without the key before it")
        if what == CHAIN_BROKEN:
            self._notes.append(
                f"entry {seq}: the writer found the chain broken: {entry.get('why', '')}"
            )
        if what == ENTRIES_MISSING:
            lost = counted(entry.get("count") or 0, "decisions were lost", "decision was lost")
            self._notes.append(f"entry {seq}: {lost} before it")

    def _prove(self, entry: Mapping[str, Any], here: Fault) -> None:
        if self.keys.get(entry["key"]) is None:
            if self._unproved is None:
                why = f"signed with {_named(entry['key'])}, which is not configured"
                why = why if entry["key"] else "not signed: anybody could have written it"
                self._unproved = Fault(why, here.file, here.line, here.seq)
            return
        self._proved = True
        if self._unproved is not None:
            self._notes.append(
                f"entries {self._unproved.seq} to {entry['seq'] - 1} are {self._unproved.why}; "
                f"entry {entry['seq']} vouches for them"
            )
            self._unproved = None

    def report(self) -> Report:
        """What was found, once every line was taken."""
        fault = self.fault or self._wrong_at_end()
        notes = list(self._notes)
        if self.fault is not None and self._unproved is not None and self.keys.keys:
            if self._proved:
                # What a known key signed, an unknown one went on with: that is the first fault.
                fault = self._unproved
            else:
                notes.append(f"from entry {self._unproved.seq} on: {self._unproved.why}")
        if fault is None:
            if not self.keys.keys:
                notes.append("no key was given: hashes were checked, signatures were not")
            if self.expected is None or not self.vouched:
                notes.append(
                    "a removed end cannot be seen without a head: give --expect-head SEQ:HASH"
                )
        return Report(self.entries, self.first, self.head, fault, tuple(notes))

    def _wrong_at_end(self) -> Fault | None:
        expected, head = self.expected, self.head
        if self.before is not None and head is None and expected != self.before:
            return Fault(f"nothing follows entry {self.before.seq}", seq=self.before.seq + 1)
        if expected is not None and not self._met and expected != self.before:
            end = f"it ends at entry {head.seq}" if head else "there is no entry"
            if head is not None and self.first is not None and expected.seq < self.first:
                end = f"it begins at entry {self.first}"
            return Fault(f"entry {expected.seq} was expected and is missing: {end}")
        if self.keys.keys and self._unproved is not None:
            return self._unproved
        newest = self.keys.newest
        if newest is None or head is None or head.key == newest.id:
            return None
        if expected is not None and self.vouched and expected.seq == head.seq:
            return None
        return Fault(
            f"it ends under {_named(head.key)}, which is not the newest: whoever has that key "
            "could have written the end again; give the files after it too, or --expect-head",
            seq=head.seq,
        )


def _named(key_id: object) -> str:
    return f"key {key_id}" if key_id is not None else "no key"


def _parsed(raw: bytes) -> dict[str, Any]:
    """The entry of a line. Raises ValueError: it is none; the message says what it is instead."""
    if not raw.strip():
        raise ValueError("the line is empty")
    try:
        entry = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise ValueError("the line is not JSON: cut off or overwritten") from None
    names = ("seq", "at", "what", "prev", "key", "hash", "sig")
    if not isinstance(entry, dict) or any(name not in entry for name in names):
        raise ValueError("the line is no entry of an audit log")
    seq, key = entry["seq"], entry["key"]
    if type(seq) is not int or seq < 1 or not isinstance(key, str | None):
        raise ValueError("the line is no entry of an audit log")
    if not all(isinstance(entry[name], str) for name in ("hash", "what", "at", "prev")):
        raise ValueError("the line is no entry of an audit log")
    try:
        canonical(entry).encode()
    except (ValueError, RecursionError):
        raise ValueError("the line holds what no entry holds") from None
    return entry
