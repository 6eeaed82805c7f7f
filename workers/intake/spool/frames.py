"""How deliveries lie in a spool file: one frame each, with its length and a checksum.

A frame is `UGS1`, the length of what follows the digest (4 bytes, big-endian), 16 bytes of its
BLAKE2b digest, then a line of JSON and the body as it came.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from workers.times.clock import from_ms, to_ms

_MAGIC: Final = b"UGS1"
_DIGEST: Final = 16
_HEAD: Final = len(_MAGIC) + 4 + _DIGEST
# A body has at most 1 MiB, and its headers are short; a longer length is a damaged one.
_LONGEST: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spooled:
    """A verified delivery that waits. `headers` are those that are kept, no credentials."""

    id: str
    source: str
    vendor: str
    received_at: datetime
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def encode(self) -> bytes:
        """Its frame."""
        line = {
            "id": self.id,
            "source": self.source,
            "vendor": self.vendor,
            "received_at": to_ms(self.received_at),
            "headers": self.headers,
        }
        content = json.dumps(line).encode() + b"\n" + self.body
        digest = hashlib.blake2b(content, digest_size=_DIGEST).digest()
        return _MAGIC + len(content).to_bytes(4, "big") + digest + content

    @classmethod
    def decode(cls, content: bytes) -> "Spooled":
        """The delivery of a frame's content."""
        line, _, body = content.partition(b"\n")
        fields = json.loads(line)
        return cls(
            id=fields["id"],
            source=fields["source"],
            vendor=fields["vendor"],
            received_at=from_ms(fields["received_at"]),
            headers=tuple((name, value) for name, value in fields["headers"]),
            body=body,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` to `end` of a file: a whole frame, or (`whole` false) something else."""

    start: int
    end: int
    whole: bool


def content_at(data: bytes, start: int) -> bytes | None:
    """The content of the frame that begins there, `None` if none does."""
    length = int.from_bytes(data[start + 4 : start + 8], "big")
    begin = start + _HEAD
    if not data.startswith(_MAGIC, start) or length > _LONGEST or begin + length > len(data):
        return None
    content = data[begin : begin + length]
    digest = hashlib.blake2b(content, digest_size=_DIGEST).digest()
    return content if digest == data[start + 8 : begin] else None


def cut_off(data: bytes) -> bool:
    """Whether these last bytes of a file are the beginning of a frame that goes on behind them.

    All else is damage: a whole frame of another content, bytes that no frame begins with, or a
    length that is not that of the content, which the digest then fits.
    """
    if not _MAGIC.startswith(data[: len(_MAGIC)]):
        return False
    if len(data) < len(_MAGIC) + 4:
        return True
    length = int.from_bytes(data[len(_MAGIC) : len(_MAGIC) + 4], "big")
    if length > _LONGEST or len(data) >= _HEAD + length:
        return False
    digest = hashlib.blake2b(data[_HEAD:], digest_size=_DIGEST).digest()
    return digest != data[_HEAD - _DIGEST : _HEAD]


def spans(data: bytes) -> Iterator[Span]:
    """What the bytes consist of, in order. Only the last span of a crash is no whole frame."""
    start = 0
    while start < len(data):
        content = content_at(data, start)
        whole = content is not None
        end = start + _HEAD + len(content) if content is not None else _next_frame(data, start + 1)
        yield Span(start, end, whole=whole)
        start = end


def _next_frame(data: bytes, start: int) -> int:
    """Where the next whole frame begins, or the end."""
    while (start := data.find(_MAGIC, start)) >= 0:
        if content_at(data, start) is not None:
            return start
        start += 1
    return len(data)
