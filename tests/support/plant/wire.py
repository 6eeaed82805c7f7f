"""What stands between a process and the Valkey: passes bytes on, and loses them when told to.

It listens on a Unix socket, so that the kernel says which process is at the other end: a worker can
be cut off while the job that it forked goes on.
"""

import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

_CHUNK = 65536
_SCRIPTS = resources.files("workers.ledger") / "scripts"


def sha_of(script: str) -> str:
    """How a command that runs one of our scripts names it."""
    parts = ((_SCRIPTS / f"{name}.lua").read_text(encoding="utf-8") for name in ("prelude", script))
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()


class _Line:
    """One connection of one process."""

    def __init__(self, wire: "Wire", near: socket.socket) -> None:
        self.wire = wire
        self.near = near
        credentials = near.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.pid: int = struct.unpack("3i", credentials)[0]
        self.far = socket.socket(socket.AF_UNIX)
        self.drops_reply = False

    def serve(self) -> None:
        try:
            if self.wire.is_cut(self.pid):
                return
            self.far.connect(self.wire.upstream)
            thread = threading.Thread(target=self._replies, daemon=True)
            thread.start()
            self._commands()
            thread.join()
        except OSError:
            # The server is down, or the other end is gone: so is this line.
            return
        finally:
            self.close()

    def _commands(self) -> None:
        with contextlib.suppress(OSError):
            while sent := self.near.recv(_CHUNK):
                if self.wire.loses_command(sent):
                    break
                self.drops_reply |= self.wire.loses_reply_to(sent)
                self.far.sendall(sent)
        self.close()

    def _replies(self) -> None:
        with contextlib.suppress(OSError):
            while reply := self.far.recv(_CHUNK):
                if self.drops_reply:
                    break
                self.near.sendall(reply)
        self.close()

    def close(self) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Wire:
    """A way to the Valkey for the processes that a test puts behind it."""

    def __init__(self, path: Path, upstream: Path) -> None:
        self.url = f"unix://{path}"
        self.upstream = str(upstream)
        self._replies: list[bytes] = []
        self._commands: list[bytes] = []
        self._cut: Callable[[int], bool] = lambda _pid: False
        self._lines: set[_Line] = set()
        self._lock = threading.Lock()

    # -- what goes wrong -------------------------------------------------------------------------

    def lose_reply(self, marker: str) -> None:
        """The next command that holds the marker is carried out, and its reply never comes."""
        with self._lock:
            self._replies.append(marker.encode())

    def lose_command(self, marker: str) -> None:
        """The next command that holds the marker never arrives."""
        with self._lock:
            self._commands.append(marker.encode())

    @property
    def done(self) -> bool:
        """Whether everything that was to be lost is lost."""
        with self._lock:
            return not self._replies and not self._commands

    def cut(self, who: Callable[[int], bool] = lambda _pid: True) -> None:
        """Break the connections of the processes that `who` names, and let them make none."""
        with self._lock:
            self._cut = who
            struck = [line for line in self._lines if who(line.pid)]
        for line in struck:
            line.close()

    def mend(self) -> None:
        """Let everybody connect again."""
        with self._lock:
            self._cut = lambda _pid: False

    # -- what a line asks ------------------------------------------------------------------------

    def is_cut(self, pid: int) -> bool:
        with self._lock:
            return self._cut(pid)

    def loses_reply_to(self, sent: bytes) -> bool:
        return self._taken(self._replies, sent)

    def loses_command(self, sent: bytes) -> bool:
        return self._taken(self._commands, sent)

    def _taken(self, markers: list[bytes], sent: bytes) -> bool:
        with self._lock:
            for marker in markers:
                if marker in sent:
                    markers.remove(marker)
                    return True
        return False

    def accept(self, listener: socket.socket) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            line = _Line(self, near)
            with self._lock:
                self._lines.add(line)
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: _Line) -> None:
        try:
            line.serve()
        finally:
            with self._lock:
                self._lines.discard(line)


@contextmanager
def wired(path: Path, upstream: Path) -> Iterator[Wire]:
    """A wire that ends at the server of this socket."""
    wire = Wire(path, upstream)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        thread = threading.Thread(target=wire.accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            wire.cut()
            path.unlink()
