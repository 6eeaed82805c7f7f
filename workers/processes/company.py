"""Several deletions in the process of one job: a deletion waits on the network most of its time.

The process stays what it was: a fork that RQ may end, which is seen to end, and whose leases are
then given back. Each deletion has a lease and a fence of its own, and one that ended its process
before is alone in the next (`take_along.lua`): so it takes others with it only once, and they are
parked for nothing that is not theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog
from redis.exceptions import RedisError
from rq.timeouts import JobTimeoutException

from workers.ledger.ledger import Ledger
from workers.processes.stopping import cancelled
from workers.times.clock import system_clock

# How often a process with room looks whether somebody waits.
_LOOK_SECONDS: Final = 0.1
# How long the first one has the process for itself, so that it is begun before others are asked.
_FIRST_SECONDS: Final = 0.02
# What the budget must have left for each: one that it stops in the middle has to begin anew.
_REQUESTS: Final = 100

log = structlog.get_logger()


async def in_company(
    first: str,
    advance: Callable[[str], Coroutine[Any, Any, None]],
    another: Callable[[int], Awaitable[str | None]],
    room: Callable[[int], bool],
) -> None:
    """Advance the first deletion and, for as long as it has any under way, what `another` brings.

    `room` is asked whether one more may join so many, and then `another` for it. What one of them
    raises keeps no other from its end; it is raised at the end. Raises JobTimeoutException: the
    time of the job is over, for all of them.
    """
    under_way = {asyncio.create_task(advance(first))}
    failed = list[Exception]()
    try:
        await asyncio.wait(under_way, timeout=_FIRST_SECONDS)
        while under_way:
            roomy = room(len(under_way))
            if roomy and (joining := await _asked(another, len(under_way))) is not None:
                under_way.add(asyncio.create_task(advance(joining)))
                continue
            done, under_way = await asyncio.wait(
                under_way,
                timeout=_LOOK_SECONDS if roomy else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            failed += [error for each in done if (error := _error(each)) is not None]
    finally:
        await cancelled(*under_way)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("several deletions of this process", failed)


async def joins(first: str, ledger: Ledger, limit: int, under_way: int) -> str | None:
    """Who may join so many, the `first` among them, if IT Glue's budget lasts for it."""
    used, held = await ledger.budget.used(system_clock())
    if held or limit - used < (under_way + 1) * _REQUESTS:
        return None
    return await ledger.leases.take_along(first)


async def _asked(another: Callable[[int], Awaitable[str | None]], under_way: int) -> str | None:
    try:
        return await another(under_way)
    except (RedisError, OSError) as error:
        # Those under way have their own way with that.
        log.warning("none_taken_along", error=type(error).__name__)
        return None


def _error(task: asyncio.Task[None]) -> Exception | None:
    error = task.exception()
    if error is None or (
        isinstance(error, Exception) and not isinstance(error, JobTimeoutException)
    ):
        return error
    raise error
