"""One part of Unglue as a process of its own, and what it logs."""

import json
import runpy
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.plant.forked import fork

_PATIENCE_SECONDS = 60.0


def _as_main(module: str, arguments: tuple[str, ...]) -> None:
    """What `python -m <module> <arguments>` does once Python has started."""
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Part:
    """`python -m <module> <arguments>` with these settings and no others."""

    def __init__(self, log: Path, module: str, *arguments: str, **settings: str) -> None:
        self._log = log
        log.write_bytes(b"")
        key = {} if "UNGLUE_CONFIG" in settings else {"UNGLUE_ITGLUE__API_KEY": "ITG.test"}
        environment = {**key, **settings}
        self.process = fork(log.stem, partial(_as_main, module, arguments), environment, log)

    @property
    def everything(self) -> str:
        return self._log.read_text()

    def said(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of this event."""
        lines = [line for line in self.everything.splitlines() if line.startswith("{")]
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]

    def wait_for(self, event: str, times: int = 1) -> dict[str, Any]:
        """The newest log line of this event, once there are so many."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(found := self.said(event)) < times:
            assert time.monotonic() < deadline, self.everything
            time.sleep(0.02)
        return found[-1]

    def runs(self) -> bool:
        return not self.process.ended

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.strike_alone(number)

    def ended(self) -> int:
        """Its exit status, once it ends."""
        return self.process.wait(_PATIENCE_SECONDS)

    def stop(self) -> int:
        """Its exit status after a SIGTERM."""
        self.tell()
        return self.ended()


@contextmanager
def part(
    name: str, folder: Path, *arguments: str, module: str = "service", **settings: str
) -> Iterator[Part]:
    """A part of this name, until the block ends. What listens does so on a free port."""
    if name in {"serve", "up"} and "--port" not in arguments:
        arguments = (*arguments, "--port", "0")
    running = Part(folder / f"{name}.log", module, name, *arguments, **settings)
    try:
        yield running
    finally:
        running.process.kill()
