"""Two processes that say when they are told to stop, and stop when they may; and their parent.

`lingering parent FOLDER` starts `first` and `second` and waits for ever.
"""

import asyncio
import signal
import sys
import threading
import time
from pathlib import Path

from service.supervision.processes import Processes


async def _parent(folder: Path) -> None:
    async with Processes({}, grace_seconds=3600) as processes:
        for name in ("first", "second"):
            await processes.start(name, "tests.support.lingering", [name, str(folder)])
        await asyncio.Event().wait()


def _linger(name: str, folder: Path) -> None:
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    (folder / f"{name}.ready").touch()
    while not told.wait(timeout=0.05):
        pass
    (folder / f"{name}.told").touch()
    while not (folder / f"{name}.go").exists():
        time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1] == "parent":
        asyncio.run(_parent(Path(sys.argv[2])))
    else:
        _linger(sys.argv[1], Path(sys.argv[2]))
