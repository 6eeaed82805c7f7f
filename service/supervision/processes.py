"""Our own processes side by side: started together, watched, ended together, by id."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from adapters.errors import UnglueError
from service.supervision.child import LAST_SECONDS

_GRACE_SECONDS: Final = 10.0
_NICENESS: Final = 10


def give_way(pid: int) -> None:
    """Let this child, and what it starts, have the processor after others that want it.

    Its session as well, among which Linux may share the processor before it looks at processes.
    """
    # It has ended already, or the kernel knows no such sessions.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICENESS), encoding="ascii")


class ProcessEnded(UnglueError):
    """A process that should run has ended."""

    code = "ProcessEnded"


class Processes:
    """A group of `python -m …` children. Leaving the context ends every one of them.

    Each child leads a process group of its own, so that a Ctrl-C on the terminal reaches us alone
    and the children are ended in order; `log_dir` receives what they print, or they share our
    standard error. They end by themselves, in that order too, once we are gone without ending them.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        log_dir: Path | None = None,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        self._grace_seconds = grace_seconds
        self._hurry = asyncio.Event()
        self._environment = {**os.environ, **environment}
        self._log_dir = log_dir
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._first = ""
        self._pipes = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        """Nothing runs yet."""
        # A pipe ends with the last who holds its writing end: of the one that is us, of the other
        # also every child but the first.
        self._while_we_run = self._pipe()
        self._while_any_runs = self._pipe()
        return self

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        for end in ends:
            self._pipes.callback(os.close, end)
        return ends

    async def __aexit__(self, *_error: object) -> None:
        """Everything ends; what was started first (others depend on it) ends last."""
        with self._pipes:
            others = [name for name in self._running if name != self._first]
            await asyncio.gather(*(self.stop(name) for name in others))
            if self._first in self._running:
                await self.stop(self._first)

    async def start(
        self, name: str, module: str, arguments: Sequence[str] = (), **environment: str
    ) -> int:
        """Start a child and return its process id."""
        self._first = self._first or name
        first = name == self._first
        output = None
        if self._log_dir is not None:
            output = (self._log_dir / f"{name}.log").open("ab")
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "service.supervision.child", str(self._grace_seconds), module, *arguments),
                env={**self._environment, **environment},
                stdin=(self._while_any_runs if first else self._while_we_run)[0],
                pass_fds=() if first else (self._while_any_runs[1],),
                stdout=output or sys.stderr,
                stderr=output or sys.stderr,
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()
        self._running[name] = process
        return process.pid

    async def stop(self, name: str) -> None:
        """End a child: asked first, then forced, with whatever it started."""
        process = self._running.pop(name)
        # The first signal lets a worker finish its job, the second one ends the job's process.
        for seconds in (self._grace_seconds, LAST_SECONDS):
            if process.returncode is None:
                process.terminate()
                await self._ended_within(process, seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def hurry(self) -> None:
        """Wait for no child's own end any longer: each is told a second time."""
        self._hurry.set()

    async def _ended_within(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        ending = asyncio.ensure_future(process.wait())
        hurrying = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({ending, hurrying}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._hurry.is_set():
            await asyncio.wait({ending}, timeout=min(seconds, LAST_SECONDS))
        ending.cancel()
        hurrying.cancel()

    def ended(self) -> dict[str, int]:
        """Children that ended by themselves, with their exit status."""
        return {
            name: process.returncode
            for name, process in self._running.items()
            if process.returncode is not None
        }

    def require_running(self) -> None:
        """Go on only while every child runs. Raises ProcessEnded: naming those that do not."""
        ended = self.ended()
        if ended:
            where = f"; see {self._log_dir}" if self._log_dir else ""
            listed = ", ".join(f"{name} (exit {status})" for name, status in ended.items())
            raise ProcessEnded(f"ended unexpectedly: {listed}{where}")

    async def wait_for(self, name: str) -> int:
        """The exit status of a child that ends by itself."""
        return await self._running[name].wait()

    async def wait_for_any(self) -> str:
        """The name of the first child that ends."""
        waiting = {
            asyncio.ensure_future(process.wait()): name for name, process in self._running.items()
        }
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return waiting[done.pop()]
