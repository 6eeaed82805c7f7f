"""Being told to stop."""

import asyncio
import signal
from collections.abc import Callable


def stop_on_signals(again: Callable[[], None] | None = None) -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; `again` is called for each later one."""
    stop = asyncio.Event()

    def heard() -> None:
        if stop.is_set() and again is not None:
            again()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard)
    return stop
