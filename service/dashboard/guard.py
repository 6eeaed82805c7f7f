"""Who may look at `/rq`, and at what: operators, and only to look."""

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import structlog
from redis.exceptions import RedisError
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from adapters.errors import MethodNotAllowed, NotFound, TooManyAttempts, Unauthorized
from service.access.operators import authenticate_basic
from service.api.answers import error_answer
from service.api.state import ServiceState
from service.console.door.session import live
from service.console.page import redis_away
from workers.processes.runtime import dashboard_redis_url
from workers.settings import Settings
from workers.settings.operators import Operator

if TYPE_CHECKING:
    from service.dashboard.pages import Pages

Load = Callable[[], "Pages"]
log = structlog.get_logger()
PATH: Final = "/rq"
# The package's pages and their data, by names without quotes or brackets. Among its other addresses
# is a GET that requeues every failed job; what a later version adds stays closed until it is added.
_SHOWN: Final = re.compile(
    r"/(|0/(view(/[\w.:@ /-]*)?|data/[\w.:@ /-]+)?|(static|unglue)/[\w./-]+|favicon\.ico)", re.ASCII
)
# Of these, what somebody looks at.
_A_PAGE: Final = re.compile(r"/(0/(view.*)?)?", re.ASCII)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CLOSED: Final = "default-src 'none'; frame-ancestors 'none'"


class Guard:
    """Lets operators see the pages. Without `load`, which makes them, says how to get them."""

    def __init__(self, operators: Mapping[str, Operator], load: Load | None) -> None:
        self._operators = operators
        self._load = load
        self._pages: Pages | None = None
        self._loading = asyncio.Lock()

    def routes(self) -> list[BaseRoute]:
        """The dashboard's place in the service."""
        return [Route(PATH, self), Mount(PATH, self)]

    def close(self) -> None:
        """Give the connections back."""
        if self._pages is not None:
            self._pages.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on to the pages."""
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Content-Security-Policy", _CLOSED)
            await send(message)

        state: ServiceState = scope["state"]["service"]
        app = await self._app(scope, state)
        await state.logins.report(state.ledger.audit)
        await app(scope, receive, guarded)

    async def _app(self, scope: Scope, state: ServiceState) -> ASGIApp:
        """The pages, or the answer that refuses them."""
        if self._load is None:
            missing = "the RQ dashboard is not installed; it is the extra: unglue[dashboard]"
            return error_answer(NotFound(missing))
        connection = HTTPConnection(scope)
        try:
            await self._admit(connection, state)
            if _A_PAGE.fullmatch(scope["path"].removeprefix(PATH)):
                await state.ledger.store.redis.ping()
        except (RedisError, OSError):
            return redis_away(Request(scope))
        except TooManyAttempts as error:
            return error_answer(error, headers={"Retry-After": str(error.retry_after)})
        except Unauthorized as error:
            asking = {"WWW-Authenticate": 'Basic realm="Unglue", charset="UTF-8"'}
            return error_answer(error, headers=asking)
        if scope["method"] not in {"GET", "HEAD"}:
            refused = MethodNotAllowed("the RQ dashboard only shows; it changes nothing")
            return error_answer(refused, headers={"Allow": "GET, HEAD"})
        if scope["path"] == PATH:
            return RedirectResponse(f"{PATH}/")
        if not _SHOWN.fullmatch(scope["path"].removeprefix(PATH)):
            return error_answer(NotFound("the RQ dashboard shows no such page"))
        return await self._shown(self._load)

    async def _shown(self, load: Load) -> ASGIApp:
        # A start need not wait for Flask: it takes a fifth of the service's own, and few look.
        async with self._loading:
            if self._pages is None:
                self._pages = await asyncio.to_thread(load)
        return self._pages.app

    async def _admit(self, connection: HTTPConnection, state: ServiceState) -> None:
        """Let nobody pass but operators: by the console's session, or by name and token.

        Raises:
            RedisError: the session cannot be looked up. Nobody is asked for a password for that.
        """
        given = connection.headers.get("authorization")
        try:
            if await live(state.settings, state.ledger.store, connection, state.clock()):
                return
        except (RedisError, OSError):
            if given is None:
                raise
        peer = connection.client.host if connection.client else None
        state.logins.admit(peer, given, partial(authenticate_basic, self._operators))


def open_dashboard(settings: Settings) -> Guard:
    """The guarded pages; without the extra, a guard that names it."""
    missing = [name for name in ("a2wsgi", "rq_dashboard", "six") if find_spec(name) is None]
    if missing:
        log.debug("no_dashboard", missing=missing)
        return Guard(settings.operators, None)

    def load() -> "Pages":
        from service.dashboard.pages import Pages  # noqa: PLC0415 - an extra

        return Pages(dashboard_redis_url(settings))

    return Guard(settings.operators, load)
