"""One spool file: appended to and read by the one process that holds its lock.

Blocking; every call of one file comes from one thread.
"""

import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import structlog

from workers.intake.spool.frames import Span, Spooled, content_at, cut_off, spans

SUFFIX: Final = ".spool"
TORN: Final = ".torn"
_KNOWN: Final = ".known"
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW

log = structlog.get_logger()


class SpoolFile:
    """`<id>.spool`. Beside it lies `<id>.known` once the ledger knows of it."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        self._size = 0
        self._waiting: deque[Span] = deque()
        self._read()

    @classmethod
    def create(cls, folder: Path, spool_id: str) -> Self:
        """A new file, which will be there after a power cut too. Raises OSError."""
        path = folder / f"{spool_id}{SUFFIX}"
        file = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sync_folder(folder)
            return cls(path, file)
        except BaseException:
            os.close(file)
            raise

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """The file that a process left behind, `None` if one holds it. Raises OSError."""
        try:
            file = os.open(path, _FLAGS)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed it while we were at it.
            if not os.path.samestat(path.stat(), os.fstat(file)):
                os.close(file)
                return None
            return cls(path, file)
        except (BlockingIOError, FileNotFoundError):
            os.close(file)
            return None
        except BaseException:
            os.close(file)
            raise

    @property
    def id(self) -> str:
        """The name under which the ledger knows it."""
        return self.path.name.removesuffix(SUFFIX)

    @property
    def known(self) -> bool:
        """Whether the ledger was told of it."""
        return self.path.with_suffix(_KNOWN).exists()

    @property
    def waiting(self) -> int:
        """How many deliveries wait in it."""
        return len(self._waiting)

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self._size

    @property
    def oldest(self) -> datetime | None:
        """When the oldest delivery that waits was received."""
        first = self.first()
        return first.received_at if isinstance(first, Spooled) else None

    def note_known(self) -> None:
        """Remember that the ledger knows it."""
        marker = os.open(self.path.with_suffix(_KNOWN), os.O_CREAT | os.O_WRONLY, 0o600)
        os.close(marker)
        sync_folder(self.path.parent)

    def append(self, frame: bytes) -> None:
        """Write a frame to the disk, or nothing. Raises OSError."""
        try:
            os.lseek(self._file, self._size, os.SEEK_SET)
            view = memoryview(frame)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._waiting.append(Span(self._size, self._size + len(frame), whole=True))
        self._size += len(frame)

    def first(self) -> Spooled | bytes | None:
        """The oldest that waits: a delivery, or bytes that a disk has damaged, or nothing."""
        if not self._waiting:
            return None
        span = self._waiting[0]
        data = os.pread(self._file, span.end - span.start, span.start)
        content = content_at(data, 0) if span.whole else None
        if content is None:
            return data
        return Spooled.decode(content)

    def drop_first(self) -> None:
        """The oldest is durable elsewhere. A crash brings it back: it is then known there."""
        self._waiting.popleft()
        if not self._waiting:
            os.ftruncate(self._file, 0)
            self._size = 0

    def close(self, *, remove: bool = False) -> None:
        """Let go of the file, and `remove` it if it is empty."""
        if remove and not self._waiting:
            self.path.unlink(missing_ok=True)
            self.path.with_suffix(_KNOWN).unlink(missing_ok=True)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> None:
        size = os.fstat(self._file).st_size
        data = _all_of(self._file, size)
        found = list(spans(data))
        if found and not found[-1].whole and cut_off(data[found[-1].start :]):
            # A frame is on disk before it is acknowledged, so what a crash cut off never was, and
            # holds nothing. Its bytes are kept all the same, for whoever doubts that.
            torn = found.pop()
            kept = self.path.with_name(f"{self.id}-{torn.start}{TORN}")
            write_whole(kept, [data[torn.start :]])
            log.warning("spool_torn", file=kept.name, bytes=torn.end - torn.start)
            os.ftruncate(self._file, torn.start)
            size = torn.start
        self._waiting.extend(found)
        self._size = size


def _all_of(file: int, size: int) -> bytes:
    parts, start = [], 0
    while start < size:
        part = os.pread(file, size - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def write_whole(path: Path, content: Sequence[bytes]) -> None:
    """A file of mode 0600, on disk under its name or not at all. Raises OSError."""
    part = path.with_suffix(path.suffix + ".part")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(b"".join(content))
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    finally:
        os.close(file)
    part.replace(path)
    sync_folder(path.parent)
