"""What a finished deletion leaves, packed: compressed with a sample of what such records look like.

The sample is a part of the form: a record that was packed with it can be read only with it, so it
never changes. A better one gets a number of its own. What was never packed is read as it is.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

FIELD: Final = "packed"
# Beside a packed request: it asked for a dry run.
REHEARSED: Final = "rehearsed"
_FIRST: Final = b"\x01"
_WINDOW: Final = -15
_FIRST_PART: Final = f"{FIELD}0".encode()
# A hash is kept in the short way while none of its values is longer (hash-max-listpack-value).
_PART_BYTES: Final = 64
# No record is larger; what claims to be was not written by us.
_MOST_BYTES: Final = 16 * 1024 * 1024


class Unpackable(ValueError):
    """It begins like something that was packed, and is not."""


@cache
def _sample() -> bytes:
    return (resources.files("workers.ledger") / "packed_1.txt").read_bytes()


def packed(content: bytes) -> bytes:
    """The content in fewer bytes; nothing that JSON or a body begins with begins it."""
    press = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, zdict=_sample())
    return _FIRST + press.compress(content) + press.flush()


def unpacked(content: bytes) -> bytes:
    """The content as it was; what was never packed is that itself.

    Raises:
        Unpackable: it is damaged.
    """
    if content[:1] != _FIRST:
        return content
    press = zlib.decompressobj(_WINDOW, zdict=_sample())
    try:
        plain = press.decompress(content[1:], _MOST_BYTES)
    except zlib.error as error:
        raise Unpackable(str(error)) from None
    if not press.eof:
        raise Unpackable("it does not end")
    return plain


def pack_record(fields: Mapping[str, str], journal: Sequence[str]) -> dict[str, bytes]:
    """Fields of a record and lines of its journal, as fields that take their place."""
    content = {"fields": dict(fields), "journal": list(journal)}
    value = packed(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
    parts = range(0, len(value), _PART_BYTES)
    return {f"{FIELD}{no}": value[at : at + _PART_BYTES] for no, at in enumerate(parts)}


def open_record(
    raw: Mapping[bytes, bytes],
) -> tuple[dict[str, str], list[str], dict[bytes, bytes]]:
    """The fields and the lines that were packed in a record, and its other fields.

    Raises:
        Unpackable: it is damaged.
    """
    if _FIRST_PART not in raw:
        return {}, [], dict(raw)
    rest, parts, number = dict(raw), list[bytes](), 0
    while (part := rest.pop(f"{FIELD}{number}".encode(), None)) is not None:
        parts.append(part)
        number += 1
    content = json.loads(unpacked(b"".join(parts)))
    return content["fields"], content["journal"], rest
