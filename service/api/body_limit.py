"""No more of a body is read than an event or a request may need."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.errors import PayloadTooLarge

MAX_BODY: Final = 1024 * 1024


def require_small(size: int) -> None:
    """Go on with a body of so many bytes.

    Raises:
        PayloadTooLarge: they are more than an event or a request may need.
    """
    if size > MAX_BODY:
        raise PayloadTooLarge("the body is larger than 1 MiB")


class BodyLimit:
    """Raises `PayloadTooLarge` where a route reads a body of more than 1 MiB.

    Starlette's own limit answers in plain text where the length was stated; raised inside the
    route, the error becomes an answer like every other one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count what is read of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stated = Headers(scope=scope).get("content-length", "")
        size = int(stated) if stated.isdecimal() else 0
        read = 0

        async def limited() -> Message:
            nonlocal read
            message: Message = {} if size > MAX_BODY else await receive()
            read += len(message.get("body", b""))
            require_small(max(size, read))
            return message

        await self._app(scope, limited, send)
