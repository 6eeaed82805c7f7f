"""No more of a body is read than an event or a request may need, and no more of all at once."""

from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.errors import PayloadTooLarge, TooManyAttempts

MAX_BODY: Final = 1024 * 1024
# What each request may bring however many there are: more than any vendor's event is known to need.
FREE: Final = 32 * 1024
# What all of them together may bring beyond that.
MOST_AT_ONCE: Final = 64 * 1024 * 1024
_RETRY_AFTER: Final = 2

log = structlog.get_logger()


class BodyLimit:
    """Raises `PayloadTooLarge` where a route reads a body of more than 1 MiB.

    And `TooManyAttempts`, which each vendor that sends again takes for "later", where the bodies
    that are held at this moment would be more than `most` bytes, beyond the first 32 KiB of each.
    Starlette's own limit answers in plain text where the length was stated; raised inside the
    route, the error becomes an answer like every other one.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_AT_ONCE) -> None:
        self._app = app
        self._most = most
        self._held = 0
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count what is read of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = _stated(scope)
        read = held = 0

        async def limited() -> Message:
            nonlocal read, held
            message: Message = {} if size > MAX_BODY else await receive()
            read += len(message.get("body", b""))
            if max(size, read) > MAX_BODY:
                raise PayloadTooLarge("the body is larger than 1 MiB")
            more = max(0, read - FREE) - held
            if self._held + more > self._most:
                self._tell()
                raise TooManyAttempts("too much is being sent at once", _RETRY_AFTER)
            held += more
            self._held += more
            return message

        try:
            await self._app(scope, limited, send)
        finally:
            self._held -= held
            self._told = self._told and self._held > self._most // 2

    def _tell(self) -> None:
        """Log it once until half of the room is free again."""
        if not self._told:
            self._told = True
            log.warning("bodies_full", held=self._held, most=self._most)


def _stated(scope: Scope) -> int:
    """The length that the request says that its body has; 0 if it says none."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
