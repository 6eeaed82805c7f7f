"""One worker's job, which can be stopped, killed or misled wherever it speaks to the outside."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.support.stateful.loop import MovedLoop
from workers.settings import Settings


class Order(Enum):
    """What happens at the point where a job was stopped."""

    GO = "go"
    LOSE = "lose"  # before: it does not get through; after: the answer does not come back
    REPEAT = "repeat"  # the client library sends the command again, and gets the second answer


@dataclass(frozen=True)
class Stop:
    """Stop a job at a point such as `begin_delete:after`, the first time or after `skip` more."""

    point: str
    skip: int = 0


class Job:
    """`advance` of one deletion in one worker.

    Stopped means what SIGSTOP does: nothing of it speaks any more, while the world and the clock
    move on. A job that is never resumed is one whose worker was killed.
    """

    def __init__(self, number: int, deletion_id: str, settings: Settings, loop: MovedLoop) -> None:
        self.number = number
        self.deletion_id = deletion_id
        self.settings = settings
        self.stopped_at: str | None = None
        self._loop = loop
        self._stop: Stop | None = None
        self._skipped = 0
        self._held: list[tuple[str, asyncio.Future[Order]]] = []
        self._task: asyncio.Task[Any] | None = None
        self._over = False

    def start(self, work: Coroutine[Any, Any, Any], stop: Stop | None) -> None:
        self._stop, self._skipped = stop, 0
        context = copy_context()
        context.run(JOB.set, self)
        self._task = self._loop.create_task(work, context=context)
        self._loop.settle()

    async def gate(self, point: str) -> Order:
        """Called at every point where the job speaks; returns how it goes on."""
        if self._over:
            raise asyncio.CancelledError
        if self.stopped_at is None and self._is_stop(point):
            self.stopped_at = point
        if self.stopped_at is None:
            return Order.GO
        waiting: asyncio.Future[Order] = self._loop.create_future()
        self._held.append((point, waiting))
        return await waiting

    def _is_stop(self, point: str) -> bool:
        if self._stop is None or self._stop.point != point:
            return False
        self._skipped += 1
        return self._skipped > self._stop.skip

    def resume(self, order: Order, stop: Stop | None = None) -> None:
        """Go on from where it was stopped, perhaps to the next stop."""
        held, self._held = self._held, []
        self.stopped_at, self._stop, self._skipped = None, stop, 0
        for index, (_, waiting) in enumerate(held):
            if not waiting.done():
                waiting.set_result(order if index == 0 else Order.GO)
        self._loop.settle()

    def stop_everywhere(self) -> None:
        """Stop at the very next point, whichever that is."""
        self.stopped_at = self.stopped_at or "anywhere"

    def cancel(self) -> None:
        """The job's time limit strikes: the task is cancelled and may clean up."""
        if self._task is not None:
            self.stopped_at, self._stop = None, None
            self._task.cancel()
            self._loop.settle()

    def bury(self) -> None:
        """The end of the test: nothing of this job may speak again."""
        self._over = True
        if self._task is not None:
            self._task.cancel()

    @property
    def done(self) -> bool:
        return self._task is not None and self._task.done()

    def error(self) -> BaseException | None:
        """What ended it, if anything did."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()


JOB: ContextVar[Job | None] = ContextVar("job", default=None)
