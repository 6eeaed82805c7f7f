"""JSON of unknown origin: what is accepted, what is refused by which code, and how fast."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.payload import Malformed, _strictly, parse_json

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_json_is_read_as_it_was_meant(value: Any) -> None:
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for text in (json.dumps(value), json.dumps(value, indent=2), compact):
        assert parse_json(text) == value
        assert parse_json(text.encode()) == value


def refused_or_read(raw: bytes, read: Any) -> Any:
    try:
        return repr(read(raw))
    except Malformed as error:
        return str(error)


_PARTS = st.sampled_from(
    ["{", "}", "[", "]", ",", ":", '"a"', '"b"', '"\\u0061"', '"\\ud800"', '"\x7f"', "1", "-0",
     "1.0", "1e5", "1e400", "NaN", "0.1", "1" * 39, "1" * 40, "1" * 41, "-" + "1" * 40, " "]
)  # fmt: skip


@given(json_values, st.lists(st.tuples(st.integers(0), st.integers(0, 3), _PARTS), max_size=4))
def test_the_quick_reader_is_as_strict(value: Any, changes: list[tuple[int, int, str]]) -> None:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for place, dropped, part in changes:
        start = place % (len(text) + 1)
        text = text[:start] + part + text[start + dropped :]
    raw = text.encode()
    assert refused_or_read(raw, parse_json) == refused_or_read(raw, _strictly)


CODES = {"not_utf8", "not_json", "nested_too_deeply", "number_too_long", "duplicate_key"}


def refusal(raw: bytes) -> str | None:
    try:
        parse_json(raw)
    except Malformed as error:
        return str(error)
    return None


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_give_a_value_or_a_code(raw: bytes) -> None:
    assert refusal(raw) in CODES | {None}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b' {"a" : [1, 2.5, "x"]}\r\n', {"a": [1, 2.5, "x"]}),
        (b'{"a":{"k":1},"b":{"k":1}}', {"a": {"k": 1}, "b": {"k": 1}}),
        (b'"[[[[\\"[["', '[[[["[['),
        (b"[" * 64 + b"]" * 64, None),
        (b"[" + b"[]," * 5000 + b"[]]", None),
        (b"1" * 40, int("1" * 40)),
        (b"-0", 0),
        ("{}", {}),
    ],
)
def test_what_is_accepted(raw: bytes | str, value: Any) -> None:
    read = parse_json(raw)
    assert value is None or read == value


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_json"),
        (b"   ", "not_json"),
        (b"{", "not_json"),
        (b"{'a':1}", "not_json"),
        (b'{"a":1,}', "not_json"),
        (b'{"a":1} x', "not_json"),
        (b'"tab\there"', "not_json"),
        (b"NaN", "not_json"),
        (b"[Infinity]", "not_json"),
        (b"-Infinity", "not_json"),
        (b"01", "not_json"),
        (b'"\\x41"', "not_json"),
        (b"\xff", "not_utf8"),
        (b'"\xed\xa0\x80"', "not_utf8"),
        (b'"\xc0\xaf"', "not_utf8"),
        ('"\ud800"', "not_utf8"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a":1,"\\u0061":2}', "duplicate_key"),
        (b'[{"b":{"a":1,"a":2}}]', "duplicate_key"),
        (b"1" * 41, "number_too_long"),
        (b"-" + b"1" * 40, "number_too_long"),
        (b"1." + b"1" * 40, "number_too_long"),
        (b"[" * 65 + b"]" * 65, "nested_too_deeply"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested_too_deeply"),
        (b"[{" * 33, "nested_too_deeply"),
        (b"[" * 1_000_000, "nested_too_deeply"),
    ],
)
def test_what_is_refused(raw: bytes | str, code: str) -> None:
    with pytest.raises(Malformed, match=f"^{code}$"):
        parse_json(raw)


def test_brackets_inside_text_are_no_nesting() -> None:
    text = "[{" * 500 + '"' + "\\"
    assert parse_json(json.dumps([text] * 10)) == [text] * 10


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b"\\" * 1_000_000,
        b'"' + b'\\"' * 500_000,
        b'"' * 1_000_000,
        b'"a' * 500_000,
        b"]" * 1_000_000,
        b"[" + b"1," * 500_000,
        b"9" * 1_000_000,
        b"[" + b"1" * 999_999,
    ],
)
def test_a_mebibyte_of_malice_is_refused_quickly(raw: bytes) -> None:
    started = time.process_time()
    with pytest.raises(Malformed):
        parse_json(raw)
    assert time.process_time() - started < 2
