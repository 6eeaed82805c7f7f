"""Time limits that share a timer end what `asyncio.timeout` would end, and nothing else."""

import asyncio
import gc
import weakref

import pytest

from workers.times.limits import TimeLimits


async def forever() -> None:
    await asyncio.Event().wait()


async def test_who_takes_too_long_hears_of_it() -> None:
    limits = TimeLimits()
    with pytest.raises(TimeoutError), limits.within(0.01):
        await forever()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_each_ends_at_its_own_time() -> None:
    limits, ended = TimeLimits(), list[str]()

    async def one(name: str, seconds: float) -> None:
        try:
            with limits.within(seconds):
                await forever()
        except TimeoutError:
            ended.append(name)

    await asyncio.gather(one("late", 0.06), one("first", 0.02), one("second", 0.02))
    assert ended == ["first", "second", "late"]


async def test_who_is_in_time_is_left_alone_and_forgotten() -> None:
    limits = TimeLimits()
    for _ in range(3):
        with limits.within(0.01):
            await asyncio.sleep(0)

    async def quick() -> None:
        with limits.within(60):
            await asyncio.sleep(0)

    task = asyncio.create_task(quick())
    gone = weakref.ref(task)
    await task
    del task
    # What woke us holds it until we wait again.
    await asyncio.sleep(0)
    gc.collect()
    assert gone() is None
    with pytest.raises(TimeoutError), limits.within(0.01):
        await forever()


async def test_within_another() -> None:
    limits = TimeLimits()
    with pytest.raises(TimeoutError), limits.within(0.01), limits.within(60):
        await forever()
    with limits.within(60):
        with pytest.raises(TimeoutError), limits.within(0.01):
            await forever()
        await asyncio.sleep(0)


async def test_who_is_cancelled_is_not_late() -> None:
    limits = TimeLimits()

    async def waits() -> None:
        with limits.within(60):
            await forever()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_stays_what_it_is() -> None:
    with pytest.raises(KeyError), TimeLimits().within(60):
        raise KeyError


def test_another_loop_begins_anew() -> None:
    limits = TimeLimits()

    async def late() -> None:
        with pytest.raises(TimeoutError), limits.within(0.01):
            await forever()

    asyncio.run(late())
    asyncio.run(late())
