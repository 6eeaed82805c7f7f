"""A sender as a process: by itself (`unglue outbox`), or forked beside a worker."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from random import SystemRandom
from typing import Final

import structlog

from adapters.errors import UnglueError
from workers.ledger.installation.heartbeats import OUTBOX
from workers.outbox.outgoing import Means
from workers.outbox.sender import Sender
from workers.processes.runtime import open_ledger
from workers.settings import Settings
from workers.times.clock import system_clock
from workers.upkeep.continuity import continuity_of

_PARENT_SECONDS: Final = 1.0
# Longer than a sender goes on once it is told to stop.
_GRACE_SECONDS: Final = 15.0
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 30.0
# Who ran so long has not failed to start.
_RAN_SECONDS: Final = 60.0

log = structlog.get_logger()


async def send_until(settings: Settings, stop: asyncio.Event) -> None:
    """Send what is due until told to stop. Raises AnotherAccount, StorageUnfit."""
    async with open_ledger(settings) as ledger:
        means = Means(ledger, settings, system_clock, SystemRandom())
        continuity = continuity_of(settings, ledger, system_clock, OUTBOX, writes=False)
        await Sender(means, continuity).run(stop)


class Beside:
    """A sender beside the worker: a fork of it, so that it costs little memory, that ends with it.

    A fork and not a thread, because the worker forks its jobs, and a thread's locks would be held
    in them for ever. To be used from the main thread.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._pid = 0
        self._began = 0.0
        self._wait = _FIRST_WAIT

    @classmethod
    def of(cls, settings: Settings) -> "Beside":
        """The sender of this installation."""
        return cls(partial(_run, settings, os.getpid()))

    @property
    def pid(self) -> int:
        """Its process id, 0 while it does not run."""
        return self._pid

    def keep(self) -> None:
        """Start it, and start it again if it ended; to be called again and again."""
        now = time.monotonic()
        if self._pid and (status := _ended(self._pid)) is not None:
            self._pid = 0
            self._wait = (
                _FIRST_WAIT if now - self._began > _RAN_SECONDS
                else min(2 * self._wait, _LONGEST_WAIT)
            )  # fmt: skip
            self._began = now
            write = log.error if status else log.info
            write("outbox_ended", status=status, restart_in_seconds=self._wait)
        if not self._pid and (not self._began or now - self._began >= self._wait):
            self._began = now
            self._pid = _fork(self._run)

    def stop(self) -> None:
        """Ask it to end; after a while force it."""
        if not self._pid:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while _ended(self._pid) is None:
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
            time.sleep(0.02)
        self._pid = 0


def _ended(pid: int) -> int | None:
    """The exit status of a child that ended, negative for a signal."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if ended else None


def _fork(run: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    # The worker's own handlers only set a flag, at which nobody looks here.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    status = 1
    try:
        run()
        status = 0
    except UnglueError as error:
        log.error("outbox_refused", error=error.message)
        status = 2
    finally:
        # Never back into what the worker was about to do.
        os._exit(status)


def _run(settings: Settings, parent: int) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        watching = asyncio.create_task(_end_with(parent, stop))
        try:
            await send_until(settings, stop)
        finally:
            watching.cancel()
            # On its way out; a signal that met the closing loop would leave a traceback.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)

    # A fork of a worker, and no worker.
    structlog.contextvars.bind_contextvars(part=OUTBOX)
    asyncio.run(main())


async def _end_with(parent: int, stop: asyncio.Event) -> None:
    """Once the worker is gone, not even told: whoever starts it again starts a sender with it."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(_PARENT_SECONDS)
    stop.set()
