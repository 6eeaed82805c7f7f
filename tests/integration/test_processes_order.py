"""Ending our own processes: what the others depend on ends last, also if it was started again."""

import asyncio

from service.processes import Processes


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
