"""Reads that run at the same time and fail as one."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


async def together(*reads: Coroutine[Any, Any, T]) -> list[T]:
    """The results in order; the first error ends what still waits and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """`together` for two reads of different types."""
    found: list[Any] = await together(first, second)
    return found[0], found[1]
