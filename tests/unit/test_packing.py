"""What is packed is read as it was, and so is what never was."""

import hashlib
from importlib import resources

import pytest

from workers.ledger.packing import Unpackable, open_record, pack_record, packed, unpacked

# Records that were packed with them could not be read with other ones.
SAMPLES = {
    "packed_1.txt": "66e804746bcdc1cb55e9c336bccb094c0c0a2c4a567d279169e36bbd548f3e6a",
    "packed_2.txt": "e349b85bf0a3ba8dfcf61c8c6c2620e80844f98101ed5cdf7f7ec9c08c0fa3cb",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_part_of_the_form(name: str) -> None:
    sample = (resources.files("workers.ledger") / name).read_bytes()
    assert hashlib.sha256(sample).hexdigest() == SAMPLES[name]


FIRST_FORM = (
    "0155d9c10dc0300804c15e52011c187039068b26a2f41ebf22a58195f63df75f563e09c1766653a4c3"
    "9254890d5e6bf63911f4a818429d3c49aa74270123fc54c14b23f87a5e"
)
SECOND_FORM = (
    "02ab469d5981cf84303128d50200202d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
)
DIGEST = hashlib.sha256(b"x").hexdigest().encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\x00\x01\xff" * 3000,
        b'{"a":"\xc3\xa4"}',
        b'{"hash":"%b","prev":"%b","id":"del_%b","odd":"%b"}'
        % (DIGEST, DIGEST[::-1], DIGEST[:20], DIGEST[:19]),
        DIGEST * 300,
        b"\x02" + DIGEST,
        b"".join(hashlib.sha256(bytes((no % 256, no // 256))).hexdigest().encode() + b" "
                 for no in range(600)),
    ],
)  # fmt: skip
def test_it_comes_back_as_it_was(content: bytes) -> None:
    assert unpacked(packed(content)) == content


@pytest.mark.parametrize("form", [FIRST_FORM, SECOND_FORM])
def test_what_an_older_form_packed_is_read(form: str) -> None:
    assert unpacked(bytes.fromhex(form)) == b'{"what":"ended","hash":"%b"}' % DIGEST


def test_a_digest_takes_its_bytes_once() -> None:
    line = b'{"what":"ended","hash":"%b"}'
    assert len(packed(line % DIGEST)) < len(packed(line % b"")) + len(DIGEST) // 2 + 8
    twice = b"[%b,%b]"
    assert len(packed(twice % (DIGEST, DIGEST))) < len(packed(twice % (DIGEST, b""))) + 6


def test_what_was_never_packed_is_itself() -> None:
    assert unpacked(b'{"what":"ended"}') == b'{"what":"ended"}'
    raw = {b"state": b"deleted"}
    assert open_record(raw) == ({}, [], raw)


@pytest.mark.parametrize("cut", [1, 2, 10, -1])
def test_what_is_damaged_is_said(cut: int) -> None:
    with pytest.raises(Unpackable):
        unpacked(packed(b'{"what":"ended","deletion_id":"del_1"}' * 3)[:cut])


def test_a_record_in_parts_that_a_hash_keeps_shortly() -> None:
    fields, journal = {"plan": "{}" * 2000, "watch": "[]"}, ['{"entry":"planned"}', "ä"]
    parts = pack_record(fields, journal)
    assert all(len(part) <= 64 for part in parts.values())
    raw = {name.encode(): part for name, part in parts.items()} | {b"state": b"failed"}
    assert open_record(raw) == (fields, journal, {b"state": b"failed"})


def test_what_had_longer_names_is_read() -> None:
    fields = {"plan": " ".join(map(str, range(500)))}
    parts = pack_record(fields, ["{}"])
    # By the first one scripts know a packed record.
    assert list(parts)[:3] == ["packed0", "1", "2"]
    older = {f"packed{no}".encode(): part for no, part in enumerate(parts.values())}
    raw = {**older, b"state": b"failed"}
    assert open_record(raw) == (fields, ["{}"], {b"state": b"failed"})
