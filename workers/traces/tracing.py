"""Spans, for whoever traces; nothing where nobody does, and nothing of a library is imported then.

One for a process, like its log: what is traced says so where it happens, and hands nothing on. The
context of a deletion is carried in the ledger as a W3C `traceparent`, for days if it must wait.
Names and attributes are words of ours, ids and statuses: never what vendors or people wrote.
"""

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, Final, Literal, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int


class Span(Protocol):
    """What goes on."""

    def note(self, name: str, value: Value) -> None:
        """Say something of it."""

    def called(self, name: str) -> None:
        """Call it otherwise, now that more is known."""


class Tracer(Protocol):
    """Who keeps the spans."""

    def span(self, name: str, kind: Kind, parent: str) -> AbstractContextManager[Span]:
        """What goes on until the block ends, within `parent` or else what goes on already."""

    def carried(self) -> str:
        """The `traceparent` of what goes on, "" if nothing does."""

    def flush(self) -> None:
        """Send what is kept, before a process ends that nobody ends in order."""


class _Nothing:
    def note(self, name: str, value: Value) -> None:
        pass

    def called(self, name: str) -> None:
        pass


_NO_SPAN: Final = nullcontext[Span](_Nothing())


class _Off:
    """Nobody traces."""

    def span(self, _name: str, _kind: Kind, _parent: str) -> AbstractContextManager[Span]:
        return _NO_SPAN

    def carried(self) -> str:
        return ""

    def flush(self) -> None:
        pass


_OFF: Final[Tracer] = _Off()
_tracer = _OFF


def trace_by(tracer: Tracer | None) -> None:
    """From now on this process is traced so; `None`: no more."""
    global _tracer  # noqa: PLW0603 - one for a process, like its log
    _tracer = tracer or _OFF


def on() -> bool:
    """Whether somebody traces."""
    return _tracer is not _OFF


def span(name: str, kind: Kind = "internal", parent: str = "") -> AbstractContextManager[Span]:
    """What goes on until the block ends; `parent` is a `traceparent` from elsewhere."""
    return _tracer.span(name, kind, parent)


def carried() -> str:
    """The `traceparent` of what goes on, "" if nothing is traced."""
    return _tracer.carried()


def flush() -> None:
    """Send what is kept."""
    _tracer.flush()


def traced(
    name: str, kind: Kind = "internal"
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Each call of the function is a span of this name."""

    def around(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(call)
        async def run(*args: P.args, **kwargs: P.kwargs) -> T:
            if _tracer is _OFF:
                return await call(*args, **kwargs)
            with span(name, kind):
                return await call(*args, **kwargs)

        return run

    return around
