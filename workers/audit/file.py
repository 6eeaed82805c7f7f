"""The audit log as append-only JSON lines on disk or standard output. Blocking."""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from workers.audit.chain import Head, hash_of, signed_text
from workers.audit.keys import Keyring

STDOUT: Final = "-"
_CHUNK: Final = 64 * 1024

Opened = Literal["same", "anew", "held"]


class LogFile:
    """One file, followed through rotation. One process at a time writes to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None
        self._size = 0

    def open(self) -> Opened:
        """Have the file of this name open.

        `anew`: it is another file than before, or somebody else changed it: look at its end.
        `held`: another process writes to it. Raises OSError: it cannot be opened.
        """
        if self.path == STDOUT:
            first, self._file = self._file is None, sys.stdout.fileno()
            return "anew" if first else "same"
        if self._file is not None and self._unchanged(self._file):
            return "same"
        self.close()
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return "held"
        except BaseException:
            os.close(file)
            raise
        self._file = file
        self._size = _without_torn_end(file)
        return "anew"

    def _unchanged(self, file: int) -> bool:
        try:
            named = Path(self.path).stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(file)
        return os.path.samestat(named, ours) and ours.st_size == self._size

    @property
    def identity(self) -> str:
        """What tells this file from another one of the same name."""
        if self.path == STDOUT or self._file is None:
            return ""
        ours = os.fstat(self._file)
        return f"{ours.st_dev}-{ours.st_ino}"

    def last_line(self) -> bytes | None:
        """The last line of the file, `None` if it is empty."""
        if self.path == STDOUT or self._file is None or self._size == 0:
            return None
        end, tail = self._size - 1, b""
        while end > 0 and b"\n" not in tail:
            start = max(0, end - _CHUNK)
            tail = os.pread(self._file, end - start, start) + tail
            end = start
        return tail.rpartition(b"\n")[2]

    def append(self, lines: Sequence[bytes]) -> None:
        """Write whole lines to the disk, or none of them. Raises OSError."""
        if self._file is None:
            raise OSError("the audit file is not open")
        content = b"".join(line + b"\n" for line in lines)
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(self._file, view) :]
            if self.path != STDOUT:
                os.fsync(self._file)
        except OSError:
            if self.path != STDOUT:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._size)
                self.close()
            raise
        self._size += len(content)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None and self.path != STDOUT:
            os.close(self._file)
        self._file = None


def head_of_line(raw: bytes, keys: Keyring) -> Head | None:
    """The head that a line of a file makes, if it is an entry that nobody edited."""
    try:
        entry = json.loads(raw)
        head = Head(int(entry["seq"]), entry["hash"], entry["key"])
        if hash_of(entry) != head.hash:
            return None
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    key = keys.get(head.key)
    if keys.keys and (key is None or not key.signed(signed_text(entry), entry.get("sig"))):
        return None
    return head


def previous_of_line(raw: bytes) -> str | None:
    """The hash that a line names as the one before it."""
    try:
        return str(json.loads(raw)["prev"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _without_torn_end(file: int) -> int:
    """The size of the file once a line that a crash cut off is gone."""
    size = os.fstat(file).st_size
    end = size
    while end > 0:
        start = max(0, end - _CHUNK)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(file, end)
    return end
