"""The data directory of `unglue up`: private, one at a time, and with no server left over."""

import asyncio
import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.errors import ConfigurationError, UnglueError
from service.supervision import embedded

log = structlog.get_logger()
_LOCK: Final = "up.lock"
# The parts of an `up` that was killed end by themselves, the server last.
_LEFT_OVER_SECONDS: Final = 15.0
_SHUTDOWN_SECONDS: Final = 15.0


class LeftOver(UnglueError):
    """A server of an earlier `up` runs in the directory and cannot be ended."""

    code = "LeftOver"


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """The directory, made and kept private, for as long as nobody else has it.

    The kernel gives the lock back when its holder is gone, however it ended.

    Raises:
        ConfigurationError: another `up` has it, or it is another user's.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_private(data_dir)
    descriptor = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read().strip() or "unknown"
            raise ConfigurationError(
                f"{data_dir} is in use by another unglue up (pid {holder}); stop that one, or "
                "choose another --data-dir"
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _make_private(data_dir: Path) -> None:
    """Nobody else may read the record: it holds what is as good as signing keys."""
    found = data_dir.stat()
    if found.st_uid != os.geteuid():
        raise ConfigurationError(
            f"{data_dir} belongs to user {found.st_uid} and this is user {os.geteuid()}; "
            "chown it, or choose another --data-dir"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        data_dir.chmod(0o700)
        log.warning("made_private", folder=str(data_dir), was=oct(stat.S_IMODE(found.st_mode)))


async def end_left_over(data_dir: Path) -> None:
    """End the server of an `up` that is gone; the caller holds the directory. Raises LeftOver."""
    if not await _gone(data_dir, _LEFT_OVER_SECONDS):
        log.warning("ending_left_over_server", folder=str(data_dir))
        async with _connected(data_dir) as redis:
            # What it was given is in the append-only file.
            with contextlib.suppress(RedisError, OSError):
                await redis.shutdown(nosave=True)
        if not await _gone(data_dir, _SHUTDOWN_SECONDS):
            raise LeftOver(
                f"a server of an earlier unglue up still runs in {data_dir} and does not end; end "
                f"it by hand: the process that has {embedded.socket_path(data_dir)} open"
            )


async def _gone(data_dir: Path, seconds: float) -> bool:
    """Whether nobody answers there any more, within this time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async with _connected(data_dir) as redis:
                while True:
                    try:
                        await redis.ping()
                    except (RedisError, OSError):
                        return True
                    await asyncio.sleep(0.1)
    return False


def _connected(data_dir: Path) -> Redis:
    return Redis.from_url(embedded.url(data_dir))
