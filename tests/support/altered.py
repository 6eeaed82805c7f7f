"""An IT Glue whose answers somebody changes on their way."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Method, path with its query, status and JSON of an answer: what is said instead, or `None` to
# leave it.
Change = Callable[[str, str, int, Any], Any]


def altering(send: Send, change: Callable[[int, bytes], bytes]) -> Send:
    """Sends a whole answer at its end, with what `change` makes of its status and body."""
    started: list[Message] = []
    body = bytearray()

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        content = change(started[0]["status"], bytes(body))
        kept = [pair for pair in started[0]["headers"] if pair[0] != b"content-length"]
        headers = [*kept, (b"content-length", str(len(content)).encode())]
        await send({**started[0], "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return collect


@dataclass
class Altered:
    """In front of the sandbox: `change` hears every answer in JSON."""

    change: Change | None = None

    def in_front(self, app: ASGIApp) -> ASGIApp:
        """The sandbox as such an IT Glue."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
                await app(scope, receive, send)
                return
            await app(scope, receive, altering(send, partial(self._changed, scope)))

        return answer

    def _changed(self, scope: Scope, status: int, body: bytes) -> bytes:
        if self.change is None or not body.startswith(b"{"):
            return body
        asked = f"{scope['path']}?{scope['query_string'].decode()}"
        said = self.change(scope["method"], asked, status, json.loads(body))
        return body if said is None else json.dumps(said).encode()
