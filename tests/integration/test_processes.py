"""Ending our own processes: asked, asked again, forced, in order; and when we are gone."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.supervision.processes import Processes, give_way
from tests.support.plant.plant import eventually

PATIENCE_SECONDS = 60


async def test_who_is_in_a_hurry_waits_for_no_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    async with asyncio.timeout(60), Processes({}, grace_seconds=3600) as processes:
        await processes.start("stubborn", "tests.support.stubborn", [str(ready)])
        while not ready.exists():  # noqa: ASYNC110 - a file is all it can say
            await asyncio.sleep(0.02)
        stopping = asyncio.create_task(processes.stop("stubborn"))
        done, _ = await asyncio.wait({stopping}, timeout=0.3)
        assert not done
        processes.hurry()
        await stopping


async def test_who_gives_way_does_so_as_a_session(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    async with asyncio.timeout(60), Processes({}) as processes:
        pid = await processes.start("stubborn", "tests.support.stubborn", [str(ready)])
        give_way(pid)
        assert os.getpriority(os.PRIO_PROCESS, pid) == 10
        session = Path(f"/proc/{pid}/autogroup")
        if session.exists():  # noqa: ASYNC240 - the kernel answers at once
            assert session.read_text().endswith("nice 10\n")  # noqa: ASYNC240
        processes.hurry()


@contextmanager
def left_alone(module: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that starts others, which hold its standard error, and is killed."""
    parent = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", module, *arguments], stderr=subprocess.PIPE
    )
    try:
        yield parent
    finally:
        parent.kill()
        parent.communicate(timeout=PATIENCE_SECONDS)


def test_children_do_not_outlive_us_and_the_first_ends_last(tmp_path: Path) -> None:
    with left_alone("tests.support.lingering", "parent", str(tmp_path)) as parent:
        for name in ("first", "second"):
            eventually((tmp_path / f"{name}.ready").exists, "it is ready")
        assert not (tmp_path / "second.told").exists()
        parent.kill()
        eventually((tmp_path / "second.told").exists, "second is told")
        assert not (tmp_path / "first.told").exists()
        (tmp_path / "second.go").touch()
        eventually((tmp_path / "first.told").exists, "first is told")
        (tmp_path / "first.go").touch()
        # Whoever runs yet holds its other end.
        parent.communicate(timeout=PATIENCE_SECONDS)


def test_a_child_that_was_started_too_late_ends_at_once(tmp_path: Path) -> None:
    arguments = ["0.01", "tests.support.stubborn", str(tmp_path / "ready")]
    child = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "service.supervision.child", *arguments],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    # However far it came, it was told.
    child.wait(timeout=PATIENCE_SECONDS)


def test_a_child_that_does_not_want_to_end_is_forced(tmp_path: Path) -> None:
    arguments = ["0.01", "tests.support.lingering", "first", str(tmp_path)]
    child = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "service.supervision.child", *arguments],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin is not None
    eventually((tmp_path / "first.ready").exists, "first is ready")
    child.stdin.close()
    assert child.wait(timeout=PATIENCE_SECONDS) == -signal.SIGKILL


class Watched(Processes):
    """Keeps the order in which children are told to end, and have ended."""

    def __init__(self) -> None:
        super().__init__({})
        self.seen: list[str] = []

    async def stop(self, name: str) -> None:
        self.seen.append(f"stop {name}")
        await super().stop(name)
        self.seen.append(f"{name} ended")


async def test_what_was_started_first_ends_last_also_after_a_restart() -> None:
    async with asyncio.timeout(60), Watched() as processes:
        for name in ("first", "second", "third"):
            await processes.start(name, "http.server", ["--bind", "127.0.0.1", "0"])
        await processes.stop("first")
        await processes.start("first", "http.server", ["--bind", "127.0.0.1", "0"])
        processes.seen.clear()
    assert processes.seen[-2:] == ["stop first", "first ended"]
    assert set(processes.seen[:-2]) == {
        "stop second", "second ended", "stop third", "third ended"
    }  # fmt: skip


async def test_what_was_started_first_and_is_gone_holds_nobody_up() -> None:
    async with asyncio.timeout(60), Watched() as processes:
        for name in ("first", "second"):
            await processes.start(name, "http.server", ["--bind", "127.0.0.1", "0"])
        await processes.stop("first")
        processes.seen.clear()
    assert processes.seen == ["stop second", "second ended"]
