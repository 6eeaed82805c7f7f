"""Time limits that many wait under at once, with one timer for all who have the same."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self


class _Waiting:
    """One of them: `with` it, as `asyncio.timeout` with its own timer."""

    __slots__ = ("_before", "_late", "_limit", "task", "until")

    def __init__(self, limit: "_Limit") -> None:
        self._limit = limit
        self._before = 0
        self._late = False
        self.task: asyncio.Task[object] | None = None
        self.until = 0.0

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be ended when its time is over")
        self.task, self._before = task, task.cancelling()
        self._limit.enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        task, self.task = self.task, None
        self._limit.left()
        # Who was cancelled by somebody else as well is not late, but cancelled.
        late = self._late and task is not None and task.uncancel() <= self._before
        if late and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        """Its time is over."""
        if self.task is not None:
            self._late = True
            self.task.cancel()


class _Limit:
    """All that wait for equally long: their times end in the order in which they began."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = deque[_Waiting]()

    def enter(self, one: _Waiting) -> None:
        """From now on its time runs."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._timer = loop, None
            self._waiting.clear()
        one.until = loop.time() + self._seconds
        self._waiting.append(one)
        if self._timer is None:
            self._timer = loop.call_at(one.until, self._look)

    def left(self) -> None:
        """Forget those in front who wait no more; the timer stays for who comes next."""
        waiting = self._waiting
        while waiting and waiting[0].task is None:
            waiting.popleft()

    def _look(self) -> None:
        self._timer = None
        if self._loop is None:
            return
        now = self._loop.time()
        while self._waiting and self._waiting[0].until <= now:
            self._waiting.popleft().end()
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0].until, self._look)


class TimeLimits:
    """The limits of one event loop."""

    def __init__(self) -> None:
        self._limits: dict[float, _Limit] = {}

    def within(self, seconds: float) -> _Waiting:
        """A block that ends with TimeoutError if it takes longer; few different lengths are kept.

        As `asyncio.timeout`: the task is cancelled, once.
        """
        limit = self._limits.get(seconds)
        if limit is None:
            limit = self._limits[seconds] = _Limit(seconds)
        return _Waiting(limit)
