"""Real processes, forked from one that has imported everything.

Each leads a session of its own, so that it can be found with everything it has forked, and dies
with the process it was forked from, so that none outlives the tests.
"""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# In a process's line, after the command: state, parent, group, session.
_GROUP, _SESSION = 2, 3
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.support.plant.parts"])


@dataclass
class Forked:
    """One process."""

    name: str
    process: BaseProcess

    @property
    def pid(self) -> int:
        pid = self.process.pid
        assert pid is not None
        return pid

    @property
    def ended(self) -> bool:
        return not self.process.is_alive()

    def strike(self, number: signal.Signals) -> None:
        """To the process and everything it has forked, as one machine."""
        for pid in session(self.pid):
            send(pid, number)

    def strike_alone(self, number: signal.Signals) -> None:
        """To the process and not to what it has forked."""
        send(self.pid, number)

    def strike_horses(self, number: signal.Signals) -> None:
        """To what it has forked and not to the process."""
        for pid in self.horses():
            send(pid, number)

    def horses(self) -> list[int]:
        """What it has forked for a job and still runs, also one that lost its worker."""
        return [pid for pid in session(self.pid) if pid not in {self.pid, *self.in_its_group()}]

    def in_its_group(self) -> list[int]:
        """What it has forked that has no job: it gets a group of its own with one."""
        return [pid for pid in session(self.pid, _GROUP) if pid != self.pid]

    def heard(self, number: signal.Signals) -> bool:
        """Whether a signal that was sent to the process has reached it."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        waiting = next(line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd"))
        return not int(waiting, 16) & 1 << number - 1

    def kill(self) -> None:
        """End it with everything it has forked, as a machine that loses its power would."""
        # It may have been forked so lately that it leads no session yet.
        send(self.pid, signal.SIGKILL)
        while pids := session(self.pid):
            for pid in pids:
                send(pid, signal.SIGKILL)
        self.process.join()

    def wait(self, seconds: float = 30) -> int:
        """Its exit status, once it has ended."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"{self.name} still runs"
        return self.process.exitcode


def fork(name: str, run: Callable[[], None], environment: Mapping[str, str], log: Path) -> Forked:
    """Start `run` in a process of its own; what it prints is appended to `log`."""
    process = _CONTEXT.Process(target=_begin, args=(run, dict(environment), str(log)), name=name)
    process.start()
    return Forked(name, process)


def _begin(run: Callable[[], None], environment: dict[str, str], log: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    # A job that stands still would otherwise be hung up on when its worker dies.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # Nobody's settings but its own.
    for name in [name for name in os.environ if name.startswith("UNGLUE_")]:
        del os.environ[name]
    os.environ.update(environment)
    # What it shares with the one it was forked from is not looked through, and so stays shared.
    gc.freeze()
    run()


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is gone already is as good."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def session(leader: int, by: int = _SESSION) -> list[int]:
    """The living processes of the leader's session, or of its group, itself included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[by]) == leader and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found
