"""Ending our own processes: asked, asked again, forced."""

import asyncio
from pathlib import Path

from service.processes import Processes


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
