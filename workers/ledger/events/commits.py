"""Group commit: what waits at the same moment shares a run of a script and, if it waits, the disk.

Each call stays a decision of its own: it has its own answer, and one that fails fails alone.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from workers.ledger.store import Store

# Nobody else is served by Redis meanwhile.
_MOST_CALLS: Final = 64
_MOST_BYTES: Final = 1024 * 1024
# Who comes while the disk is waited for need not wait for that and for the next time.
_AT_ONCE: Final = {False: 2, True: 4}
# Fewer share nothing that is worth a wait.
_FEW: Final = 4


@dataclass(frozen=True, slots=True)
class _Call:
    args: Sequence[Any]
    size: int
    answer: asyncio.Future[Any]


class Commits:
    """The calls of one script, grouped. Those that wait for the disk do not hold up the others."""

    def __init__(self, store: Store, script: str) -> None:
        self._store = store
        self._script = script
        self._waiting: dict[bool, deque[_Call]] = {False: deque(), True: deque()}
        self._under_way: dict[bool, set[asyncio.Task[None]]] = {False: set(), True: set()}
        self._soon = {False: False, True: False}

    async def run(self, args: Sequence[Any], *, size: int, durable: bool) -> Any:  # noqa: ANN401 - as `Store.run`
        """The script's answer; `size` is about how many bytes the call has.

        Raises:
            NotDurable: it was decided, and was not seen on disk, or at the replicas.
            redis.RedisError: it is not known whether it was decided.
        """
        loop = asyncio.get_running_loop()
        call = _Call(args, size, loop.create_future())
        self._waiting[durable].append(call)
        if not self._soon[durable]:
            # Not at once: who came with the same look at the sockets goes with it.
            self._soon[durable] = True
            loop.call_soon(self._go, durable)
        return await call.answer

    def _go(self, durable: bool) -> None:
        self._soon[durable] = False
        tasks = self._under_way[durable]
        while len(tasks) < _AT_ONCE[durable] and (calls := self._next(durable)):
            task = asyncio.create_task(self._send(calls, durable))
            tasks.add(task)
            task.add_done_callback(lambda ended: self._ended(ended, durable))

    def _ended(self, task: asyncio.Task[None], durable: bool) -> None:
        self._under_way[durable].discard(task)
        self._go(durable)

    def _next(self, durable: bool) -> list[_Call]:
        """Those whose turn it is; who has given up meanwhile is not among them."""
        waiting, calls, size = self._waiting[durable], list[_Call](), 0
        most = _MOST_CALLS if durable else self._share()
        while waiting and len(calls) < most:
            size += waiting[0].size
            if calls and size > _MOST_BYTES:
                break
            call = waiting.popleft()
            if not call.answer.done():
                calls.append(call)
        return calls

    def _share(self) -> int:
        """How many of those that wait for no disk go with the next run.

        All in one, they would be answered together, come again together, and find Redis idle while
        they are read, and nobody to be read while Redis decides.
        """
        free = _AT_ONCE[False] - len(self._under_way[False])
        return min(_MOST_CALLS, max(_FEW, math.ceil(len(self._waiting[False]) / free)))

    async def _send(self, calls: list[_Call], durable: bool) -> None:
        answers: Sequence[Any]
        try:
            answers = await self._store.run_together(
                self._script, [call.args for call in calls], durable=durable
            )
        except Exception as error:  # noqa: BLE001 - each of those who wait raises it
            answers = [error] * len(calls)
        except asyncio.CancelledError:
            for call in calls:
                call.answer.cancel()
            raise
        for call, answer in zip(calls, answers, strict=True):
            if call.answer.done():
                continue
            if isinstance(answer, Exception):
                call.answer.set_exception(answer)
            else:
                call.answer.set_result(answer)

    async def close(self) -> None:
        """End what is under way; whoever waits for it is cancelled."""
        tasks = [*self._under_way[False], *self._under_way[True]]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
