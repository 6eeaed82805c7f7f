"""A file whose time shows that a part without a port still turns: for a container's probe.

It asks nothing of Redis: a probe that did would restart every part when Redis is away.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

# Longer than one job (100 s) with Redis away, during which a worker cannot beat.
STALE_SECONDS: Final = 150.0
_BEAT_SECONDS: Final = 10.0


def beat(path: str) -> None:
    """Say that this part turns; "" says nothing."""
    if path:
        Path(path).touch()


def age(path: str) -> float | None:
    """For how many seconds the part has said nothing; `None` if it never did."""
    try:
        return max(0.0, time.time() - Path(path).stat().st_mtime)
    except FileNotFoundError:
        return None


async def pulsing(path: str) -> None:
    """Beat for as long as the event loop turns."""
    while True:
        beat(path)
        await asyncio.sleep(_BEAT_SECONDS)
