"""Work under a lease: it is renewed while the work goes on, and the work ends where it is lost.

The fence is what forbids, not the lease: whoever lost it can no longer write. The beats come from
the event loop that works, so that one that hangs loses its lease to a worker that does not.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, TypeVar

from redis.exceptions import RedisError

from workers.ledger.bulk.replays import BulkReplay
from workers.ledger.bulk.sweeps import Sweep
from workers.ledger.deleting.deletions import Fenced
from workers.ledger.deleting.leases import Kind
from workers.ledger.events.catch_ups import CatchUp
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.processes.stopping import cancelled
from workers.times.clock import Clock

_TRY_AGAIN: Final = timedelta(seconds=0.5)

T = TypeVar("T")
# What was taken, with the number of its taker.
Held = Deletion | Sweep | BulkReplay | CatchUp


def holder_of(worker: str, pid: int) -> str:
    """What the process of a worker's job is known by, to itself and to the worker."""
    return f"{worker}:{pid}"


def own_holder() -> str:
    """This process, if it is a job's; otherwise nobody would see it die, and it is nameless."""
    worker = os.environ.get("RQ_WORKER_ID")
    return holder_of(worker, os.getpid()) if worker else ""


async def under_lease(
    work: Coroutine[Any, Any, T], kind: Kind, held: Held, ledger: Ledger, clock: Clock
) -> T:
    """The result of the work; cancelled if the lease is lost on the way. Raises Fenced."""
    working = asyncio.ensure_future(work)
    beating = asyncio.ensure_future(_beat(working.done, kind, held, ledger, clock))
    try:
        await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Fenced(f"the lease of {kind} {held.id} was lost: {beating.result()}")
        return working.result()
    finally:
        await cancelled(working, beating)


async def _beat(
    over: Callable[[], bool], kind: Kind, held: Held, ledger: Ledger, clock: Clock
) -> str:
    """Renew the lease until it is lost, or the work is over; why it ended."""
    every = ledger.store.beat
    lasts = ledger.store.lease
    ends, pause = clock() + lasts, every
    while not over():
        await asyncio.sleep(pause.total_seconds())
        now = clock()
        try:
            if not await ledger.leases.renew(kind, held.id, held.fence, now):
                return "somebody took it over or ended it, or this worker was away"
        except (RedisError, OSError) as error:
            if clock() >= ends:
                return f"Redis did not answer in time ({type(error).__name__})"
            pause = min(_TRY_AGAIN, every)
        else:
            ends, pause = now + lasts, every
    return "the work is over"
