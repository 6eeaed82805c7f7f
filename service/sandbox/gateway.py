"""What happens to every request before a route sees it, and to every answer on its way out.

The order is that of a request's way in: latency, limits, faults on the line, the key, the content
type, and only then the route.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.sandbox.answers import (
    MEDIA_TYPE,
    Refusal,
    bad_gateway,
    forbidden,
    page_not_found,
    plain,
    too_many_requests,
)
from service.sandbox.journal import Call, Journal, Outcome
from service.sandbox.state import Sandbox

CALL = "sandbox.call"
CONTROL_PREFIX = "/_sandbox/"
DOWNLOAD_PREFIX = "/downloads/"

_UNAUTHORIZED = Refusal(401, "Unauthorized", detail="Unauthorized resource access", pointer="id")


async def serve(sandbox: Sandbox, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. `send` is the server's own: dropping a connection needs its transport."""
    request = Request(scope, receive)
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    # Looking must not change what is looked at.
    control = request.url.path.startswith(CONTROL_PREFIX)
    journal = Journal() if control else sandbox.journal
    entry = journal.start(
        request.method,
        request.url.path,
        request.url.query,
        body,
        _key(sandbox, request.headers.get("x-api-key")),
    )
    call = Call(
        body=body,
        content_type=request.headers.get("content-type", ""),
        base_url=str(request.base_url).rstrip("/"),
        faults=sandbox.faults,
        entry=entry,
    )
    line = _Line({**scope, CALL: call}, receive, send)
    outcome: Outcome = "client-left"
    try:
        outcome = await _answer(sandbox, call, line, app)
    finally:
        journal.finish(entry, outcome, line.status)


class _Line:
    """The connection to one client: what has been sent, and the way to cut it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def respond(self, response: Response) -> None:
        """Send a whole answer."""
        await response(self.scope, self.receive, self.send)

    async def run(self, app: ASGIApp, body: bytes, send: Send) -> None:
        """Let the app act and send its answer there."""

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await app(self.scope, replay, send)

    async def left(self) -> None:
        """Return once the client is gone."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def cut(self) -> None:
        """Close the connection without an answer.

        ASGI has no word for this, and a server answers 500 for an application that sends nothing;
        uvicorn's transport is behind its `send`, in every one of its HTTP implementations.
        """
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionAbortedError("the sandbox cut the connection")
        transport.abort()
        await self.left()


async def _answer(sandbox: Sandbox, call: Call, line: _Line, app: ASGIApp) -> Outcome:
    if call.path.startswith(CONTROL_PREFIX):
        sandbox.settle()
        await line.run(app, call.body, line.send)
        return "answered"
    slow = call.fault("slow")
    delay = sandbox.settings.latency_ms + (slow.number() if slow else 0.0)
    if delay:
        await asyncio.sleep(delay / 1000)
    sandbox.settle()
    early = _early(sandbox, call)
    if early == "cut":
        await line.cut()
        return "dropped-before"
    if early is not None:
        await line.respond(early)
        return "answered"
    if call.fault("drop-after"):
        await line.run(app, call.body, _nowhere)
        await line.cut()
        return "dropped-after"
    timeout = call.fault("timeout")
    if timeout is not None:
        await line.run(app, call.body, _nowhere)
        return await _time_out(line, timeout.number())
    if call.fault("repeat"):
        await line.run(app, call.body, _nowhere)
    await line.run(app, call.body, line.send)
    return "answered"


async def _nowhere(_message: Message) -> None:
    pass


async def _time_out(line: _Line, seconds: float) -> Outcome:
    try:
        await asyncio.wait_for(line.left(), seconds)
    except TimeoutError:
        refusal = Refusal(
            504, "Gateway Timeout", detail="The request took too long to process and timed out."
        )
        await line.respond(refusal.response())
        return "answered"
    return "client-left"


def _early(sandbox: Sandbox, call: Call) -> Response | Literal["cut"] | None:
    """What is answered without asking a route, if anything is."""
    if call.fault("drop-before"):
        return "cut"
    if call.fault("html"):
        return bad_gateway()
    storm = call.fault("429")
    if storm is not None:
        seconds = sandbox.settings.retry_after if storm.value is None else int(storm.number())
        return too_many_requests(seconds)
    return None if call.path.startswith(DOWNLOAD_PREFIX) else _refused(sandbox, call)


def _refused(sandbox: Sandbox, call: Call) -> Response | None:
    if not sandbox.afford():
        return too_many_requests(sandbox.settings.retry_after)
    if call.entry.key == "none":
        return _UNAUTHORIZED.response()
    if call.entry.key == "wrong":
        return forbidden()
    if call.body and call.content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        return Refusal(415, "Unsupported Media Type").response()
    return _forbidden_kind(call)


def _forbidden_kind(call: Call) -> Response | None:
    fault = call.faults.active.get("forbid")
    if fault is None:
        return None
    kind, _, status = str(fault.value).partition(",")
    if kind not in ("all", _kind(call.path)) or not call.fault("forbid"):
        return None
    forms: dict[str, Callable[[], Response]] = {
        "401": _UNAUTHORIZED.response,
        "403": forbidden,
        "404": page_not_found,
    }
    if status in forms:
        return forms[status]()
    return plain(int(status), {"errors": [{"status": int(status), "title": "Refused by a fault"}]})


def _kind(path: str) -> str:
    parts = path.strip("/").split("/")
    nested = "relationships" in parts[:-1]
    return parts[parts.index("relationships") + 1] if nested else parts[0]


def _key(sandbox: Sandbox, given: str | None) -> Literal["right", "wrong", "none"]:
    if given is None:
        return "none"
    return "right" if given == sandbox.settings.api_key else "wrong"
