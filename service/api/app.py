"""The Starlette application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from adapters.errors import UnglueError
from service.api.answers import (
    on_disconnect,
    on_http_exception,
    on_internal_error,
    on_redis_error,
    on_unglue_error,
)
from service.api.body_limit import BodyLimit
from service.api.connections import Connections
from service.api.deadline import Deadline
from service.api.routes import health
from service.api.routes.rest import Rest
from service.api.routes.straight import Straight
from service.api.state import Refuse, Server, ServiceState, open_state
from service.supervision.logs import BoundIds, Traced
from workers.settings import Settings
from workers.upkeep.storage import StorageUnfit

if TYPE_CHECKING:
    from service.access.oidc import Provider

Handler = Callable[[Request, Exception], Awaitable[Response]]

log = structlog.get_logger()


def told(handler: Handler) -> Handler:
    """The handler; who has a browser before them gets a page."""

    async def answered(request: Request, error: Exception) -> Response:
        # Pages bring their templates, which no delivery needs.
        from service.approval.refusals import readable  # noqa: PLC0415
        from service.console.page import readable as on_page  # noqa: PLC0415

        return await on_page(readable(handler))(request, error)

    return answered


def _log_unfit(error: StorageUnfit) -> None:
    log.error("storage_unfit", detail=error.message)


class _Service(Starlette):
    """Deliveries are taken in front of all that serves the other routes, bounded like these."""

    def build_middleware_stack(self) -> ASGIApp:
        return BodyLimit(Straight(super().build_middleware_stack()))


def create_app(
    settings: Settings,
    refuse: Refuse = _log_unfit,
    *,
    connections: Connections | None = None,
    stopping: asyncio.Event | None = None,
) -> Starlette:
    """The service of an installation; `refuse` is called if its Redis would lose the record.

    `connections` are those of the server around it, which sets `stopping` once it is told to stop.

    Raises:
        ConfigurationError: single sign-on is configured and not installed.
    """
    provider, rest = _provider(settings), Rest(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, ServiceState]]:
        try:
            server = Server(connections, stopping or asyncio.Event())
            async with open_state(settings, refuse, server, provider) as state:
                yield {"service": state}
        finally:
            rest.close()

    app = _Service(
        routes=[
            # Who starts services asks for these.
            Route("/healthz", health.alive, methods=["GET"]),
            Route("/readyz", health.ready, methods=["GET"]),
        ],
        exception_handlers={
            UnglueError: told(on_unglue_error),
            RedisError: told(on_redis_error),
            HTTPException: told(on_http_exception),
            ClientDisconnect: on_disconnect,
            Exception: told(on_internal_error),
        },
        middleware=[
            Middleware(Traced),
            Middleware(BoundIds),
            Middleware(Deadline),
        ],
        lifespan=lifespan,
    )
    # A sender that is sent elsewhere loses its event: no vendor follows a redirect.
    app.router.redirect_slashes = False
    app.router.default = rest
    return app


def _provider(settings: Settings) -> "Provider | None":
    if not settings.oidc.issuer:
        return None
    from service.console.door.sign_on import open_provider  # noqa: PLC0415 - for those who have one

    return open_provider(settings)
