"""What a finished deletion leaves, packed: compressed with a sample of what such records look like.

The sample is a part of the form: a record that was packed with it can be read only with it, so it
never changes. A better one gets a number of its own. What was never packed is read as it is.

Digests and ids do not compress: as hexadecimal digits each of their bytes takes two. So each of
them stands once, as bytes, behind what is compressed; unless the content has the mark for it.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

FIELD: Final = "packed"
# Beside a packed request: it asked for a dry run.
REHEARSED: Final = "rehearsed"
_PLAIN: Final = b"\x03"
_DRAWN: Final = b"\x04"
# What a packed value begins with: the number of its sample, and whether something was drawn.
_FORMS: Final = {b"\x01": (1, False), b"\x02": (1, True), _PLAIN: (2, False), _DRAWN: (2, True)}
# In the content: the number of what was drawn from here follows.
_MARK: Final = b"\x02"
_MARKED: Final = re.compile(rb"\x02(.)", re.DOTALL)
_HEX: Final = re.compile(rb"[0-9a-f]{16,128}")
_MOST_DRAWN: Final = 256
_WINDOW: Final = -15
# The sample and so much content lie within half a window, which is ready in a fifth of the time.
_SHORT_BYTES: Final = 1024
_SHORT_WINDOW: Final = -14
_SHORT_MEMORY: Final = 6
# A hash is kept in the short way while none of its values is longer (hash-max-listpack-value).
_PART_BYTES: Final = 64
# No record is larger; what claims to be was not written by us.
_MOST_BYTES: Final = 16 * 1024 * 1024


class Unpackable(ValueError):
    """It begins like something that was packed, and is not."""


@cache
def _sample(number: int) -> bytes:
    return (resources.files("workers.ledger") / f"packed_{number}.txt").read_bytes()


def packed(content: bytes) -> bytes:
    """The content in fewer bytes; nothing that JSON or a body begins with begins it."""
    if _MARK in content:
        return _PLAIN + _pressed(content)
    drawn: dict[bytes, int] = {}

    def draw(found: re.Match[bytes]) -> bytes:
        digits = found[0]
        # A digit without another one is left where it is.
        end = len(digits) & ~1
        number = drawn.setdefault(digits[:end], len(drawn))
        return _MARK + bytes((number,)) + digits[end:] if number < _MOST_DRAWN else digits

    rest = _HEX.sub(draw, content)
    tail = [bytes.fromhex(each.decode()) for each in list(drawn)[:_MOST_DRAWN]]
    return _DRAWN + _pressed(rest) + b"".join(bytes((len(each),)) + each for each in tail)


@cache
def _press(window: int, memory: int) -> Any:  # noqa: ANN401 - zlib has no name for it
    return zlib.compressobj(9, zlib.DEFLATED, window, memory, zdict=_sample(2))


def _pressed(content: bytes) -> bytes:
    if len(content) <= _SHORT_BYTES:
        press = _press(_SHORT_WINDOW, _SHORT_MEMORY).copy()
    else:
        press = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, zdict=_sample(2))
    return bytes(press.compress(content) + press.flush())


def unpacked(content: bytes) -> bytes:
    """The content as it was; what was never packed is that itself. Raises Unpackable."""
    form = _FORMS.get(content[:1])
    if form is None:
        return content
    sample, drawn = form
    press = zlib.decompressobj(_WINDOW, zdict=_sample(sample))
    try:
        plain = press.decompress(content[1:], _MOST_BYTES)
    except zlib.error as error:
        raise Unpackable(str(error)) from None
    if not press.eof:
        raise Unpackable("it does not end")
    return _put_back(plain, press.unused_data) if drawn else plain


def _put_back(content: bytes, tail: bytes) -> bytes:
    drawn = list[bytes]()
    while tail:
        end = 1 + tail[0]
        if end > len(tail):
            raise Unpackable("its end is missing")
        drawn.append(tail[1:end].hex().encode())
        tail = tail[end:]
    try:
        return _MARKED.sub(lambda found: drawn[found[1][0]], content)
    except IndexError:
        raise Unpackable("its end is missing") from None


def cut(value: bytes) -> dict[str, bytes]:
    """What was packed, as fields that are short enough; as a name a number takes two bytes."""
    parts = range(0, len(value), _PART_BYTES)
    return {str(no) if no else f"{FIELD}0": value[at : at + _PART_BYTES]
            for no, at in enumerate(parts)}  # fmt: skip


def joined(raw: Mapping[bytes, bytes]) -> tuple[bytes | None, dict[bytes, bytes]]:
    """What was packed in a record, `None` if nothing was, and its other fields."""
    rest, parts = dict(raw), list[bytes]()
    # What deliveries had at first.
    whole = rest.pop(FIELD.encode(), None)
    # All were named as the first one before the ledger's second form.
    for name in (f"{FIELD}%d", "%d"):
        while (part := rest.pop((name % len(parts)).encode(), None)) is not None:
            parts.append(part)
    return b"".join(parts) or whole, rest


def pack_record(fields: Mapping[str, str], journal: Sequence[str]) -> dict[str, bytes]:
    """Fields of a record and lines of its journal, as fields that take their place."""
    # In the sample's order, for a server hands them out in none.
    content = {"fields": dict(sorted(fields.items())), "journal": list(journal)}
    return cut(packed(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()))


def open_record(raw: Mapping[bytes, bytes]) -> tuple[dict[str, str], list[str], dict[bytes, bytes]]:
    """The fields and lines packed in a record, and its other fields. Raises Unpackable."""
    value, rest = joined(raw)
    if value is None:
        return {}, [], rest
    content = json.loads(unpacked(value))
    return content["fields"], content["journal"], rest
