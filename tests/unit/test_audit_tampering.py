"""A good audit log is found good, and a tampered one is not: whatever was done to it.

The log has 30 decisions, in the middle of which the key was changed; the attacker can write to the
file and has the old key, but not the newest.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.audit import NOW, chained, checked, decisions, head_at, written
from workers.audit.chain import Head, canonical, compose, hash_of, head_of, signed_text
from workers.audit.keys import Key, Keyring
from workers.audit.verify import Report

OLD, NEW, FOREIGN = (Keyring.of([f"the {which} secret"]) for which in ("old", "new", "foreign"))
BOTH = Keyring.of(["the new secret", "the old secret"])
CHANGED = 16  # the seq of the entry that changed the key

Entries = list[dict[str, Any]]
Lines = list[bytes]


def whole() -> Entries:
    before = chained(decisions(15), OLD)
    return before + chained(decisions(15, 16), BOTH, head_at(before))


GOOD = whole()
LINES = written(GOOD)
HEAD = head_at(GOOD)


def rehashed(entries: Entries, first: int, sign: Key | None = None) -> Entries:
    """The chain made consistent again from this index on; without a key, signatures stay."""
    last = entries[first - 1]["hash"] if first else ""
    for entry in entries[first:]:
        entry["prev"] = last
        if sign is not None:
            entry["key"] = sign.id
        entry["hash"] = last = hash_of(entry)
        if sign is not None:
            entry["sig"] = sign.sign(signed_text(entry))
    return entries


def edited(index: int, **values: Any) -> Lines:
    entries = whole()
    entries[index].update(values)
    return written(entries)


def without(*indexes: int) -> Lines:
    return [line for index, line in enumerate(LINES) if index not in indexes]


def swapped(one: int, other: int) -> Lines:
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def put(index: int, *lines: bytes) -> Lines:
    return [*LINES[:index], *lines, *LINES[index:]]


def changed(index: int, line: bytes) -> Lines:
    return [*LINES[:index], line, *LINES[index + 1 :]]


def edited_and_rehashed(index: int) -> Lines:
    entries = whole()
    entries[index]["org_id"] = "999"
    return written(rehashed(entries, index))


def edited_and_signed(index: int, keys: Keyring) -> Lines:
    entries = whole()
    entries[index]["org_id"] = "999"
    return written(rehashed(entries, index, keys.newest))


def one_signed(index: int, keys: Keyring) -> Lines:
    """One entry edited and signed, what follows as it was."""
    entries = whole()
    entries[index]["org_id"] = "999"
    one = rehashed(entries[: index + 1], index, keys.newest)
    return written(one + entries[index + 1 :])


def forged_tail(keys: Keyring, at: int, *, change: bool) -> Lines:
    """Everything from here on made anew, with or without an entry that changes the key."""
    start = GOOD[:at]
    before = (
        head_at(start) if change else Head(*_end(start), keys.newest.id if keys.newest else None)
    )
    return written(start + chained(decisions(5, 90), keys, before))


def _end(entries: Entries) -> tuple[int, str]:
    return entries[-1]["seq"], entries[-1]["hash"]


def made_anew(keys: Keyring) -> Lines:
    return written(chained(decisions(30), keys))


def back_to_the_old_key() -> Lines:
    """A change back to the leaked key, signed by that one alone."""
    key = OLD.newest
    assert key is not None
    body = {"what": "key_changed", "at": GOOD[-1]["at"], "from": GOOD[-1]["key"], "to": key.id}
    entry = {**body, "seq": 32, "prev": HEAD.hash, "key": key.id, "by_old_key": False}
    entry["hash"] = hash_of(entry)
    entry["sig"] = key.sign(signed_text(entry))
    return written([*GOOD, entry, *chained(decisions(3, 40), OLD, head_of(entry))])


def unsigned(first: int) -> Lines:
    entries = whole()
    for entry in entries[first:]:
        entry |= {"key": None, "sig": None}
    return written(rehashed(entries, first))


def without_the_old_signature() -> Lines:
    entries = whole()
    del entries[CHANGED - 1]["sig_old"]
    return written(entries)


def extra_signature() -> Lines:
    entries = whole()
    entries[20]["sig_old"] = entries[20]["sig"]
    return written(entries)


def spaced(index: int) -> Lines:
    return changed(index, json.dumps(GOOD[index], sort_keys=True, ensure_ascii=False).encode())


def reordered(index: int) -> Lines:
    turned = dict(reversed(list(GOOD[index].items())))
    return changed(index, json.dumps(turned, separators=(",", ":"), ensure_ascii=False).encode())


def escaped(index: int) -> Lines:
    text = json.dumps(GOOD[index], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return changed(index, text.encode())


def other_chain() -> Lines:
    """Another installation of the same keys."""
    before = chained(decisions(15, 200), OLD)
    return written(before + chained(decisions(15, 216), BOTH, head_at(before)))


# What was done, and the line in which the first fault is.
TAMPERED: dict[str, tuple[Callable[[], Lines], int]] = {
    "the organization of an entry edited": (lambda: edited(4, org_id="999"), 5),
    "the operator edited": (lambda: edited(7, operator="mallory"), 8),
    "the time edited": (lambda: edited(7, at="2020-01-01T00:00:00.000Z"), 8),
    "the decision edited": (lambda: edited(8, what="looked"), 9),
    "a list edited": (lambda: edited(9, refused=[]), 10),
    "a field added": (lambda: edited(9, added=1), 10),
    "the first entry edited": (lambda: edited(0, org_id="999"), 1),
    "the last entry edited": (lambda: edited(30, org_id="999"), 31),
    "prev edited": (lambda: edited(5, prev="0" * 64), 6),
    "hash edited": (lambda: edited(5, hash="0" * 64), 6),
    "signature edited": (lambda: edited(5, sig="0" * 64), 6),
    "signature removed": (lambda: edited(5, sig=None), 6),
    "signature of another entry": (lambda: edited(5, sig=GOOD[6]["sig"]), 6),
    "key id changed to the newer": (lambda: edited(5, key=GOOD[-1]["key"]), 6),
    "key id changed to none": (lambda: edited(5, key=None), 6),
    "seq edited": (lambda: edited(5, seq=7), 6),
    "seq as a text": (lambda: edited(5, seq="6"), 6),
    "first entry dropped": (lambda: without(0), 1),
    "entry in the middle dropped": (lambda: without(10), 11),
    "several entries dropped": (lambda: without(10, 11, 12), 11),
    "key change dropped": (lambda: without(CHANGED - 1), CHANGED),
    "two entries swapped": (lambda: swapped(3, 4), 4),
    "distant entries swapped": (lambda: swapped(3, 25), 4),
    "an entry repeated": (lambda: put(6, LINES[5]), 7),
    "an early entry repeated at the end": (lambda: [*LINES, LINES[2]], 32),
    "all of it twice": (lambda: [*LINES, *LINES], 32),
    "a line cut off": (lambda: changed(30, LINES[30][:-9]), 31),
    "a line cut off in the middle": (lambda: changed(11, LINES[11][:80]), 12),
    "two lines joined": (lambda: [*LINES[:4], LINES[4] + LINES[5], *LINES[6:]], 5),
    "an empty line": (lambda: put(6, b""), 7),
    "an empty line at the end": (lambda: [*LINES, b""], 32),
    "a line of spaces": (lambda: put(6, b"   "), 7),
    "garbage at the end": (lambda: [*LINES, b"# checked"], 32),
    "garbage behind an entry": (lambda: changed(6, LINES[6] + b" x"), 7),
    "a space behind an entry": (lambda: changed(6, LINES[6] + b" "), 7),
    "a carriage return": (lambda: changed(6, LINES[6] + b"\r"), 7),
    "spaces inside": (lambda: spaced(6), 7),
    "keys in another order": (lambda: reordered(6), 7),
    "characters escaped": (lambda: escaped(6), 7),
    "a key twice": (lambda: changed(6, LINES[6].replace(b'{"at"', b'{"at":"x","at"', 1)), 7),
    "an array": (lambda: changed(6, b"[]"), 7),
    "not UTF-8": (lambda: changed(6, b"\xff" + LINES[6]), 7),
    "a byte order mark": (lambda: changed(0, b"\xef\xbb\xbf" + LINES[0]), 1),
    "nested without end": (lambda: changed(6, b"[" * 100_000), 7),
    "a number without end": (lambda: changed(6, b'{"seq":' + b"9" * 5000 + b"}"), 7),
    "an entry forged in the middle": (
        lambda: put(20, canonical({**GOOD[20], "org_id": "999"}).encode()), 21,
    ),
    "edited and hashed anew": (lambda: edited_and_rehashed(20), 21),
    "the last edited and hashed anew": (lambda: edited_and_rehashed(30), 31),
    "edited before the change and hashed anew": (lambda: edited_and_rehashed(3), 4),
    "one signed with the old key after the change": (lambda: one_signed(20, OLD), 21),
    "one signed with the old key before the change": (lambda: one_signed(3, OLD), 5),
    "signed with the old key to the end": (lambda: edited_and_signed(20, OLD), 21),
    "signed with a foreign key to the end": (lambda: edited_and_signed(20, FOREIGN), 21),
    "the change of the key made with a foreign one": (lambda: edited_and_signed(15, FOREIGN), 16),
    "a tail of a foreign key": (lambda: forged_tail(FOREIGN, 20, change=False), 21),
    "a tail of a foreign key that says so": (lambda: forged_tail(FOREIGN, 20, change=True), 21),
    "a tail of the old key": (lambda: forged_tail(OLD, 20, change=False), 21),
    "a tail of the old key that says so": (back_to_the_old_key, 32),
    "a tail without a key": (lambda: forged_tail(Keyring(), 20, change=False), 21),
    "a tail without a key that says so": (lambda: forged_tail(Keyring(), 20, change=True), 21),
    "signatures removed to the end": (lambda: unsigned(20), 21),
    "all signatures removed": (lambda: unsigned(0), 16),
    "signature with the old key removed": (without_the_old_signature, 16),
    "a signature added": (extra_signature, 21),
    "another chain of the same keys spliced in": (
        lambda: [*LINES[:10], *other_chain()[10:]], 11,
    ),
    "one entry of another chain": (lambda: changed(10, other_chain()[10]), 11),
    "made anew with a foreign key": (lambda: made_anew(FOREIGN), 1),
    "made anew without a key": (lambda: made_anew(Keyring()), 1),
}  # fmt: skip


@pytest.mark.parametrize(("tamper", "line"), TAMPERED.values(), ids=TAMPERED)
def test_every_way_to_tamper_is_found(tamper: Callable[[], Lines], line: int) -> None:
    lines = tamper()
    assert lines != LINES
    fault = checked(lines, BOTH).fault
    assert fault is not None
    assert fault.line == line, fault
    assert fault.why


# Of an entry whose key nobody has any more the content is proved by what follows; its signature
# can be checked by nobody.
OLD_SIGNATURE = {"signature edited", "signature of another entry"}


@pytest.mark.parametrize("name", sorted(TAMPERED.keys() - OLD_SIGNATURE))
def test_also_when_the_old_key_is_gone(name: str) -> None:
    assert checked(TAMPERED[name][0](), NEW).fault is not None


# What is consistent in itself, and only a head from elsewhere can tell.
WHOLE_BUT_WRONG: dict[str, Callable[[], Lines]] = {
    "the last entry dropped": lambda: LINES[:-1],
    "the end dropped": lambda: LINES[:20],
    "everything dropped": list,
    "an older copy of the file": lambda: LINES[:25],
    "another chain of the same keys": other_chain,
    "made anew with the old key": lambda: made_anew(OLD),
    "cut before the change, and a tail of the old key": lambda: forged_tail(OLD, 10, change=False),
}


@pytest.mark.parametrize("tamper", WHOLE_BUT_WRONG.values(), ids=WHOLE_BUT_WRONG)
def test_a_head_from_elsewhere_shows_the_rest(tamper: Callable[[], Lines]) -> None:
    fault = checked(tamper(), BOTH, head=HEAD).fault
    assert fault is not None
    assert fault.why


def test_what_ends_under_the_old_key_is_not_believed() -> None:
    """The writer changes the key at once, so a live log never ends so."""
    assert checked(made_anew(OLD), BOTH).fault is not None
    assert checked(forged_tail(OLD, 10, change=False), BOTH).fault is not None
    older = GOOD[:10]
    assert checked(written(older), BOTH).fault is not None
    assert checked(written(older), BOTH, head=head_at(older)).fault is None


def _fine(report: Report) -> None:
    assert report.fault is None, report.fault


def test_nothing_good_is_found_bad() -> None:
    _fine(checked(LINES, BOTH))
    _fine(checked(LINES, BOTH, head=HEAD))
    _fine(checked(LINES, BOTH, head=head_at(GOOD, 3)))
    _fine(checked(LINES, NEW))
    _fine(checked(LINES, Keyring()))
    _fine(checked(LINES[12:], BOTH, before=head_at(GOOD, 11)))
    _fine(checked(LINES, BOTH, before=head_at(GOOD, 11)))
    _fine(checked([], BOTH))
    assert checked(LINES, BOTH).notes == (
        "a removed end cannot be seen without a head: give --expect-head SEQ:HASH",
    )
    assert checked(LINES, BOTH, head=HEAD).notes == ()


def test_what_is_continued_must_be_that() -> None:
    assert checked(LINES, BOTH, before=Head(12, "0" * 64)).fault is not None
    assert checked(LINES[12:], BOTH, before=Head(12, "0" * 64)).fault is not None
    assert checked(LINES[13:], BOTH, before=head_at(GOOD, 11)).fault is not None
    assert checked([], BOTH, before=head_at(GOOD, 11)).fault is not None


def test_a_chain_that_began_without_a_key() -> None:
    entries = chained(decisions(5), Keyring())
    entries += chained(decisions(5, 6), NEW, head_at(entries))
    report = checked(written(entries), NEW)
    _fine(report)
    assert "entry 6 vouches for them" in report.notes[0]
    entries[2]["org_id"] = "999"
    fault = checked(written(rehashed(entries, 2)), NEW).fault
    assert fault is not None


def test_an_honest_break_is_noted() -> None:
    waiting = compose([], HEAD, number=0, keys=BOTH, broken={"why": "it was cut"}, now=NOW)
    report = checked([*LINES, *written(waiting)], BOTH)
    _fine(report)
    assert report.notes[0] == "entry 32: the writer found the chain broken: it was cut"


FILE = b"".join(line + b"\n" for line in LINES)


@given(bit=st.integers(0, 8 * len(FILE) - 1))
def test_a_flipped_bit_is_found(bit: int) -> None:
    content = bytearray(FILE)
    content[bit // 8] ^= 1 << bit % 8
    lines = bytes(content).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    assert checked(lines, BOTH).fault is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["drop", "double", "move"]), st.integers(0, 29), st.integers(0, 29)
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_rearrangement_is_found(steps: list[tuple[str, int, int]]) -> None:
    lines = list(LINES)
    for how, one, other in steps:
        if one >= len(lines) - 1:
            continue
        match how:
            case "drop":
                del lines[one]
            case "double":
                lines.insert(other, lines[one])
            case _:
                lines.insert(other, lines.pop(one))
    assert (checked(lines, BOTH, head=HEAD).fault is None) == (lines == LINES)


@given(st.binary(max_size=200), st.integers(0, 30))
def test_any_bytes_are_no_entry(raw: bytes, index: int) -> None:
    if raw != LINES[index]:
        assert checked(changed(index, raw), BOTH).fault is not None
