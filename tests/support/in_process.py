"""An ASGI app as the other end of an httpx client, with what a line between them may do."""

import asyncio
from dataclasses import dataclass, field

import httpx
from starlette.types import ASGIApp, Message, Scope

URL = "http://127.0.0.1:8999"


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
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": (url.host, url.port),
            "state": {},
        }
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
