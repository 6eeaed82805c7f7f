"""Logging: one JSON object a line on standard error, or readable lines on a terminal.

Each line names the `part` that wrote it, and what it is about: ids that were bound (structlog's
contextvars) by whoever began the work. A traceback is a field of its own, without the values of
variables, among which are secrets.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any, Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.tracebacks import ExceptionDictTransformer

from workers.traces import tracing

# As they stand in a path; a longer one is none of ours.
_IDS: Final = re.compile(r"/(del|dlv|swp|rpl|ntc)_([A-Za-z0-9_-]{1,100})(?=/|$)", re.ASCII)
_NAMES: Final = {
    "del": "deletion_id",
    "dlv": "delivery_id",
    "swp": "sweep_id",
    "rpl": "replay_id",
    "ntc": "notice_id",
}
_TRACEBACK: Final = re.compile(r"\n(?=Traceback \(most recent call last\):)")

_Event = MutableMapping[str, Any]


def configure_logs(part: str = "") -> None:
    """Set up structlog and the loggers of the libraries. `part` is named on each line."""
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer(_written)
    )
    # A terminal shows tracebacks as they are.
    exceptions: list[structlog.typing.Processor] = (
        []
        if terminal
        else [
            structlog.processors.ExceptionRenderer(
                ExceptionDictTransformer(show_locals=False, use_rich=False)
            )
        ]
    )

    def named(_logger: object, _method: str, event: _Event) -> _Event:
        if part:
            event.setdefault("part", part)
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *exceptions, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _apart],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *exceptions,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def _apart(_logger: object, _method: str, event: _Event) -> _Event:
    """A traceback that a library wrote into its message, as RQ does, as a field of its own."""
    said, *traceback = _TRACEBACK.split(str(event["event"]), maxsplit=1)
    if traceback:
        event["event"], event["traceback"] = said, traceback[0]
    return event


@lru_cache(maxsize=1)
def _encoder(default: Callable[[Any], Any]) -> json.JSONEncoder:
    return json.JSONEncoder(default=default)


def _written(event: _Event, default: Callable[[Any], Any]) -> str:
    """`json.dumps`, which would make an encoder for each line."""
    return _encoder(default).encode(event)


class BoundIds:
    """What is logged while a request is answered names the record that its path names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        found = _IDS.findall(scope["path"]) if scope["type"] == "http" else []
        if not found:
            await self._app(scope, receive, send)
            return
        ids = {_NAMES[kind]: f"{kind}_{rest}" for kind, rest in found}
        with structlog.contextvars.bound_contextvars(**ids):
            await self._app(scope, receive, send)


class Traced:
    """A request is a span; one of the API goes on with its caller's trace, no stranger's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] != "http" or not tracing.on():
            await self._app(scope, receive, send)
            return
        of_api = scope["path"].startswith("/v1/")
        parent = Headers(scope=scope).get("traceparent", "") if of_api else ""
        with tracing.span(scope["method"], "server", parent) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.note("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, noted)
            path = getattr(scope.get("route"), "path", None)
            if path is not None:
                span.called(f"{scope['method']} {path}")
