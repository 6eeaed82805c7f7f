"""`Content-Encoding` of deliveries: signed and stored as sent, decoded where they are read."""

import zlib
from typing import ClassVar, Final

from adapters.errors import UnglueError
from adapters.headers import Headers

# What an uncompressed body may have, too.
_MOST: Final = 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS


class UnsupportedEncoding(UnglueError):
    """The body is encoded in a way that is not read here."""

    code: ClassVar[str] = "UnsupportedEncoding"
    http_status: ClassVar[int] = 415


def _encodings(headers: Headers) -> list[str]:
    sent = headers.all("content-encoding")
    if not sent:
        return []
    named = [each.strip() for each in ",".join(sent).lower().split(",")]
    return [each for each in named if each not in {"", "identity"}]


def require_readable(headers: Headers) -> None:
    """Refuse what could never be read, before anything is stored. Raises UnsupportedEncoding."""
    if _encodings(headers) not in ([], ["gzip"], ["x-gzip"]):
        raise UnsupportedEncoding("Content-Encoding must be gzip or none; send the event so")


def decoded(headers: Headers, body: bytes) -> bytes:
    """The body as it is to be read.

    What is no whole gzip, or has more than 1 MiB, stays as it is: it is then rejected as one that
    was not understood, which tells somebody.
    """
    if not _encodings(headers):
        return body
    unpacking = zlib.decompressobj(_GZIP)
    try:
        content = unpacking.decompress(body, _MOST + 1)
    except zlib.error:
        return body
    whole = unpacking.eof and not unpacking.unused_data and len(content) <= _MOST
    return content if whole else body
