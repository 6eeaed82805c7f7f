"""No caller of the API waits without end, whatever a part behind it does."""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.errors import Unavailable
from service.api.answers import READS, error_answer

_SECONDS: Final = 20.0
# What the longest `Prefer: wait=…` adds, and how long the whole audit log may be looked through.
_WAITING: Final = 60.0
_VERIFYING: Final = 120.0


class Deadline:
    """Answers 503 for a route under `/v1` that does not answer in time; `seconds` for most."""

    def __init__(self, app: ASGIApp, seconds: float = _SECONDS) -> None:
        self._app = app
        self._most = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, for a bounded time."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        seconds = self._seconds(scope)
        try:
            async with asyncio.timeout(seconds):
                await self._app(scope, receive, noted)
        except TimeoutError:
            if begun:
                raise
            unknown = (
                "so it is not known whether anything was changed; "
                "look, or send the same again with the same Idempotency-Key"
            )
            then = "ask again later" if scope["method"] in READS else unknown
            late = Unavailable(f"no answer within {seconds:g} s, {then}")
            await error_answer(late, headers={"Retry-After": "5"})(scope, receive, send)

    def _seconds(self, scope: Scope) -> float:
        if scope["path"] == "/v1/audit/verify":
            return self._most + _VERIFYING
        return self._most + (_WAITING if "prefer" in Headers(scope=scope) else 0)
