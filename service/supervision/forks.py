"""The same work in several processes, which share what was opened before they were made."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

# Longer than a service goes on answering once it is told to stop.
_LAST_SECONDS: Final = 15.0

log = structlog.get_logger()


def work_in(number: int, work: Callable[[], None]) -> int:
    """Do the work in so many forks until told to stop; the exit status.

    Where one of them ends by itself the others are told to stop: whoever started us starts all
    anew. They end, too, once this process is gone without ending them.
    """
    reading, writing = os.pipe()
    children = set[int]()
    told = False

    def tell(_number: int = 0, _frame: object = None) -> None:
        nonlocal told
        told = True
        for pid in children:
            _signal(pid, signal.SIGTERM)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, tell)
    for _ in range(number):
        if (pid := os.fork()) == 0:
            os.close(writing)
            _forget_signals()
            threading.Thread(target=_end_with, args=(reading,), daemon=True).start()
            _leave(work)
        children.add(pid)
    os.close(reading)
    if told:
        tell()
    status = 0
    while children:
        pid, ended = os.wait()
        children.discard(pid)
        if not told:
            log.error("part_ended", part="service", pid=pid)
            status = os.waitstatus_to_exitcode(ended) or 1
            tell()
            threading.Thread(target=_force, args=(children,), daemon=True).start()
    return abs(status)


def _leave(work: Callable[[], None]) -> None:
    """The work, and the end of this fork: what its parent would do next is not done here."""
    status = 1
    try:
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        log.exception("part_failed", part="service")
    finally:
        sys.stderr.flush()
        os._exit(status)


def _forget_signals() -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)


def _end_with(pipe: int) -> None:
    """Stop once nobody holds the other end of the pipe."""
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _force(children: set[int]) -> None:
    time.sleep(_LAST_SECONDS)
    for pid in tuple(children):
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
