"""JSON of unknown origin, read within bounds.

A body is at most 1 MiB; what is bounded here is what JSON can do inside it: nesting that
exhausts the stack, numbers of a million digits, duplicate keys that two readers understand
differently, and text that is not Unicode.
"""

import hashlib
import json
import re
from functools import lru_cache
from typing import Any, Final, NoReturn

from pydantic_core import from_json, to_json

_MAX_DEPTH = 64
_MAX_DIGITS = 40
# Of so many digits, which with a sign are too many, this many stand at every eighth place.
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG: Final = b"0" * (_MAX_DIGITS // 8)
# Of a larger body a second reading costs less than keeping it in memory.
_KEPT_BYTES = 64 * 1024
# An unterminated string matches to the end, so that the scan stays linear on any bytes.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)


class Malformed(ValueError):
    """Not the JSON we accept; the argument is a reason code."""


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise Malformed("number_too_long")
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > _MAX_DIGITS:
        raise Malformed("number_too_long")
    return float(digits)


def _constant(_name: str) -> NoReturn:
    raise Malformed("not_json")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Malformed("duplicate_key")
    return result


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _deep(raw: bytes) -> bool:
    """Whether it may be nested too deeply."""
    return raw.count(b"{") + raw.count(b"[") > _MAX_DEPTH


def _check_depth(raw: bytes) -> None:
    if not _deep(raw):
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        first = match.group()[0]
        if first in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise Malformed("nested_too_deeply")
        elif first in b"]}":
            depth -= 1


_ANOTHER: Final = object()


def _exactly(data: bytes) -> Any:  # noqa: ANN401 - as below
    """The value, if it is written back to the very same bytes; `_ANOTHER` where it is not.

    A quick reader that keeps the last of two equal keys, rounds numbers and is lax in other ways
    has then lost nothing: two keys would have become one. Only long integers are to be looked for,
    before anybody reads one.
    """
    if _LONG in data[::8].translate(_DIGITS):
        return _ANOTHER
    try:
        value = from_json(data, allow_inf_nan=False)
        return value if to_json(value) == data else _ANOTHER
    except ValueError:
        return _ANOTHER


def parse_json(raw: bytes | str) -> Any:  # noqa: ANN401 - JSON is any value until it is checked
    """The JSON value of the bytes. As most senders write it, it is read quickly (`_exactly`).

    Raises Malformed: with one of the codes `not_utf8`, `not_json`, `nested_too_deeply`,
    `number_too_long`, `duplicate_key`.
    """
    try:
        data = raw.encode() if isinstance(raw, str) else raw
    except UnicodeError:
        raise Malformed("not_utf8") from None
    if not _deep(data) and (value := _exactly(data)) is not _ANOTHER:
        return value
    return _strictly(data)


def _strictly(data: bytes) -> Any:  # noqa: ANN401 - as above
    try:
        text = data.decode()
    except UnicodeError:
        raise Malformed("not_utf8") from None
    _check_depth(data)
    try:
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except Malformed:
        raise
    except ValueError:
        raise Malformed("not_json") from None


_kept = lru_cache(maxsize=4)(parse_json)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


_kept_digest = lru_cache(maxsize=4)(_digest)


def digest_of(body: bytes) -> str:
    """The SHA-256 of a body, in hexadecimal: it is asked for more than once."""
    return _kept_digest(body) if len(body) <= _KEPT_BYTES else _digest(body)


def parse_once(body: bytes) -> Any:  # noqa: ANN401 - as above
    """The JSON of a body that is read twice; nobody may change it. Raises Malformed."""
    return _kept(body) if len(body) <= _KEPT_BYTES else parse_json(body)
