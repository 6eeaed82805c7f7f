"""An event loop whose time is the test's clock, so that a test never waits and always repeats."""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

from tests.support.clock import TestClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Floats near 1.8e9 are a quarter of a microsecond apart; a timer must not be due a hair too late.
_HAIR = timedelta(milliseconds=1)


class MovedLoop(asyncio.SelectorEventLoop):
    """Runs what can run, and then returns. Timers fire when the clock is moved past them."""

    def __init__(self, clock: TestClock) -> None:
        self._clock = clock
        self._scheduled_calls = 0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()
        super().__init__()

    def time(self) -> float:
        return self._clock().timestamp()

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._scheduled_calls += 1
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = super().call_at(when, callback, *args, context=context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def run_in_executor(  # type: ignore[override] # typeshed declares a coroutine function
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """In place: a thread would finish when it likes."""
        del executor
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever the function raises is its caller's
            done.set_exception(error)
        return done

    def settle(self) -> None:
        """Run until everything waits: for the clock, or for the test."""
        before = -1
        while before != self._scheduled_calls:
            self.call_soon(self.stop)
            before = self._scheduled_calls
            self.run_forever()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work that waits for nothing."""
        task = self.create_task(work)
        self.settle()
        return task.result()

    def forward(self, by: timedelta) -> None:
        """Move the clock, stopping at every timer on the way."""
        target = self._clock() + by
        while (at := self._next_timer()) is not None and at <= target:
            self._clock.now = max(self._clock(), at)
            self.settle()
        self._clock.now = max(self._clock(), target)
        self.settle()

    def _next_timer(self) -> datetime | None:
        while self._timers and self._over(self._timers[0][2]):
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return datetime.fromtimestamp(self._timers[0][0], UTC) + _HAIR

    def _over(self, handle: asyncio.TimerHandle) -> bool:
        return handle.cancelled() or handle.when() < self.time()

    def shut(self) -> None:
        """End every task, and the loop."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        self.settle()
        self.do(self.shutdown_asyncgens())
        self.close()
