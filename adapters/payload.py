"""JSON of unknown origin, read within bounds.

A body is at most 1 MiB; what is bounded here is what JSON can do inside it: nesting that
exhausts the stack, numbers of a million digits, duplicate keys that two readers understand
differently, and text that is not Unicode.
"""

import hashlib
import json
import re
from functools import lru_cache
from typing import Any, NoReturn

_MAX_DEPTH = 64
_MAX_DIGITS = 40
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


def _check_depth(raw: bytes) -> None:
    if raw.count(b"{") + raw.count(b"[") <= _MAX_DEPTH:
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


def parse_json(raw: bytes | str) -> Any:  # noqa: ANN401 - JSON is any value until it is checked
    """The JSON value of the bytes.

    Raises Malformed: with one of the codes `not_utf8`, `not_json`, `nested_too_deeply`,
    `number_too_long`, `duplicate_key`.
    """
    try:
        data = raw.encode() if isinstance(raw, str) else raw
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
