"""An ASGI app as the other end of an httpx client, with what a line between them may do."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
from starlette.types import ASGIApp, Message, Scope

HOST, PORT = "127.0.0.1", 8999
URL = f"http://{HOST}:{PORT}"


def http_scope(
    method: str, path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]],
    host: str = HOST, port: int | None = PORT,
) -> Scope:  # fmt: skip
    """A request as a server would hand it to an app."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": (host, port),
        "state": {},
    }


@dataclass
class _Exchange:
    """One request in the app's hands: whether its client went away, and what was answered."""

    body: bytes
    left: asyncio.Event = field(default_factory=asyncio.Event)
    asked: bool = False
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)

    async def receive(self) -> Message:
        if self.asked:
            await self.left.wait()
            return {"type": "http.disconnect"}
        self.asked = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.content += message.get("body", b"")


@dataclass(frozen=True)
class InProcess(httpx.AsyncBaseTransport):
    """No sockets and no second thread, so that a test of hundreds of requests is quick.

    The app acts on what arrived, whoever went away, as behind a real server.
    """

    app: ASGIApp

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        scope = http_scope(
            request.method, url.path, url.query, request.headers.raw, url.host, url.port
        )
        exchange = _Exchange(await request.aread())
        serving = asyncio.ensure_future(self.app(scope, exchange.receive, exchange.send))
        try:
            await asyncio.shield(serving)
        except ConnectionAbortedError as error:
            raise httpx.ReadError(str(error), request=request) from error
        finally:
            exchange.left.set()
        return httpx.Response(
            exchange.status,
            headers=exchange.headers,
            content=bytes(exchange.content),
            request=request,
        )
