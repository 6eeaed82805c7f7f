"""What goes on beside a block ends with it."""

import asyncio
from contextlib import suppress

import pytest

from workers.processes.stopping import beside


async def test_a_cancellation_that_was_swallowed_is_said_again() -> None:
    """As redis-py does where it meets a command that is just being written."""
    swallowed = asyncio.Event()

    async def work() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        swallowed.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(30):
        async with beside(work()):
            await asyncio.sleep(0)
        assert swallowed.is_set()


async def test_what_broke_off_is_raised_at_the_end() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async with beside(work()):
            await asyncio.sleep(0)
