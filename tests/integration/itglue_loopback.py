"""Loopback servers that answer what a test says: a scripted IT Glue, and a bare socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.support.serve import serve

KEY = "ITG.loopback-key"
MISSING_PAGE = (
    "<html><head><title>The page you were looking for doesn't exist (404)</title></head></html>"
)


@dataclass(frozen=True)
class Call:
    """A request as it arrived. `target` is path and query as they stood on the line."""

    method: str
    path: str
    target: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def asked(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


Answer = Callable[[Call], Response]


@dataclass
class ScriptedITGlue:
    """Answers by method and path; a list of answers is used up, and its last one stays."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    _answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)

    def forget(self) -> None:
        """Start anew, for the next test: a server takes longer to stop than a test to run."""
        self.calls.clear()
        self._answers.clear()

    def on(self, method: str, path: str, *answers: Answer | Response) -> None:
        self._answers[method, path] = [_always(each) for each in answers]

    def to(self, path: str, method: str = "GET") -> list[Call]:
        return [call for call in self.calls if (call.method, call.path) == (method, path)]

    async def endpoint(self, request: Request) -> Response:
        call = Call(
            method=request.method,
            path=request.url.path,
            target=request.scope["raw_path"].decode()
            + (f"?{request.url.query}" if request.scope["query_string"] else ""),
            query=request.url.query,
            headers=dict(request.headers),
            body=await request.body(),
        )
        self.calls.append(call)
        answers = self._answers.get((call.method, call.path))
        if not answers:
            return HTMLResponse(MISSING_PAGE, status_code=404)
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        return answer(call)


def _always(answer: Answer | Response) -> Answer:
    return (lambda _: answer) if isinstance(answer, Response) else answer


def answer(content: Any, status: int = 200, **headers: str) -> Response:
    return JSONResponse(
        content,
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        media_type="application/vnd.api+json",
    )


def listing(*rows: dict[str, Any], total: int | None = None, **more: Any) -> Response:
    meta = {"total-count": len(rows) if total is None else total}
    return answer({"data": list(rows), "meta": meta, **more})


def paged(rows: Sequence[dict[str, Any]], **more: Any) -> Answer:
    """A list that is cut into the pages asked for."""

    def cut(call: Call) -> Response:
        size, number = (int(call.asked[f"page[{name}]"]) for name in ("size", "number"))
        part = rows[(number - 1) * size : number * size]
        return listing(*part, total=len(rows), **more)

    return cut


def not_found() -> Response:
    return answer({"errors": [{"status": 404, "title": "Not Found"}]}, 404)


def too_many(**headers: str) -> Response:
    return answer({"message": "Too Many Requests"}, 429, **headers)


def row(identifier: object, **attributes: Any) -> dict[str, Any]:
    names = {name.replace("_", "-"): value for name, value in attributes.items()}
    return {"id": str(identifier), "type": "organizations", "attributes": names}


@contextmanager
def scripted() -> Iterator[ScriptedITGlue]:
    itglue = ScriptedITGlue()
    methods = ["GET", "POST", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", itglue.endpoint, methods=methods)])
    with serve(app) as url:
        itglue.url = url
        yield itglue


@dataclass
class RawServer:
    """What a raw server was sent; `silent` until the connection is closed by the other side."""

    url: str
    received: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def raw(reply: bytes | None) -> AsyncIterator[RawServer]:
    """A socket that answers any request with these bytes and hangs up; `None` never answers."""
    open_connections: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.add(writer)
        server.received.append(await reader.read(65_536))
        if reply is None:
            await reader.read()
        else:
            writer.write(reply)
        writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    server = RawServer(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    async with listener:
        yield server
        for writer in open_connections:
            writer.close()


@contextmanager
def closed_port() -> Iterator[str]:
    """The URL of a port that nobody listens on, and that nobody else is given."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
