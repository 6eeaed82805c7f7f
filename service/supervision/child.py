"""A module that does not outlive who started it.

`python -m service.supervision.child GRACE MODULE ARGUMENT…` runs it.

Standard input is the reading end of a pipe into which nobody writes. Once nobody holds its writing
end any more, not even one who was killed outright, the module is told to stop as `Processes` would:
asked, asked again after so many seconds, then forced, with whatever it started.
"""

import contextlib
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

import structlog

LAST_SECONDS: Final = 3.0

log = structlog.get_logger()


def _end_with(pipe: int, grace_seconds: float) -> None:
    while os.read(pipe, 1):
        continue
    # Nobody may be left who reads what we say either.
    with contextlib.suppress(OSError):
        log.warning("left_alone", stops_within_seconds=grace_seconds)
    main = threading.main_thread().ident
    for seconds in (grace_seconds, LAST_SECONDS):
        if main is not None:
            signal.pthread_kill(main, signal.SIGTERM)
        time.sleep(seconds)
    os.killpg(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Watch, and run the module as the main one, with nothing on its standard input."""
    _, grace, module, *arguments = sys.argv
    pipe = os.dup(sys.stdin.fileno())
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    threading.Thread(target=_end_with, args=(pipe, float(grace)), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
