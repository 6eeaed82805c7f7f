"""The Starlette application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route

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
from service.api.routes import (
    approval_page,
    audit,
    deletions,
    description,
    handshake,
    health,
    holds,
    lists,
    metrics,
    notifications,
    operators,
    organizations,
    overview,
    pause,
    protections,
    replays,
    sources,
    spools,
    sweeps,
    webhooks,
)
from service.api.routes.straight import Straight
from service.api.state import Refuse, Server, ServiceState, open_state
from service.approval.refusals import Handler, readable
from service.console.door.sign_on import open_provider
from service.console.page import readable as on_page
from service.console.routes import routes as console_routes
from service.dashboard.guard import open_dashboard
from service.supervision.logs import BoundIds, Traced
from workers.settings import Settings
from workers.upkeep.storage import StorageUnfit

log = structlog.get_logger()


def told(handler: Handler) -> Handler:
    """The handler; who has a browser before them gets a page."""
    return on_page(readable(handler))


def _log_unfit(error: StorageUnfit) -> None:
    log.error("storage_unfit", detail=error.message)


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
    dashboard = open_dashboard(settings)
    provider = open_provider(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, ServiceState]]:
        try:
            server = Server(connections, stopping or asyncio.Event())
            async with open_state(settings, refuse, server, provider) as state:
                yield {"service": state}
        finally:
            dashboard.close()

    app = Starlette(
        routes=[
            Route("/webhooks/{source}", webhooks.receive, methods=["POST"]),
            Route("/webhooks/{source}", handshake.allow, methods=["OPTIONS"]),
            Route("/v1/deletions", deletions.create, methods=["POST"]),
            Route("/v1/deletions", lists.deletions, methods=["GET"]),
            Route("/v1/deliveries", lists.deliveries, methods=["GET"]),
            Route("/v1/deliveries/dismiss", holds.dismiss, methods=["POST"]),
            Route("/v1/holds", holds.show_all, methods=["GET"]),
            Route("/v1/deliveries/{delivery_id}", lists.delivery, methods=["GET"]),
            Route("/v1/deletions/{deletion_id}", deletions.show, methods=["GET"]),
            Route("/v1/deletions/{deletion_id}/approve", deletions.approve, methods=["POST"]),
            Route("/v1/deletions/{deletion_id}/reject", deletions.reject, methods=["POST"]),
            Route("/v1/deletions/{deletion_id}/cancel", deletions.cancel, methods=["POST"]),
            Route("/v1/deletions/{deletion_id}/replay", deletions.replay, methods=["POST"]),
            Route("/approve/{token}", approval_page.show, methods=["GET"]),
            Route("/approve/{token}", approval_page.decide, methods=["POST"]),
            Route("/v1/status", overview.status, methods=["GET"]),
            Route("/v1/results", overview.results, methods=["GET"]),
            Route("/v1/report", overview.month, methods=["GET"]),
            Route("/v1/audit", audit.show, methods=["GET"]),
            Route("/v1/audit/verify", audit.verify, methods=["GET"]),
            Route("/v1/sources", sources.show_all, methods=["GET"]),
            Route("/v1/sources/{source}/catch-up", sources.catch_up, methods=["POST"]),
            Route("/v1/sources/{source}/cancel", sources.cancel, methods=["POST"]),
            Route("/v1/protections", protections.create, methods=["POST"]),
            Route("/v1/protections", protections.show_all, methods=["GET"]),
            Route("/v1/protections/{org_id}", protections.remove, methods=["DELETE"]),
            Route("/v1/organizations/{org_id}", organizations.show, methods=["GET"]),
            Route("/v1/operators", operators.show_all, methods=["GET"]),
            Route("/v1/pause", pause.pause, methods=["POST"]),
            Route("/v1/pause", pause.show, methods=["GET"]),
            Route("/v1/resume", pause.resume, methods=["POST"]),
            Route("/v1/schedules", sweeps.schedules, methods=["GET"]),
            Route("/v1/schedules/{name}/sweep", sweeps.begin, methods=["POST"]),
            Route("/v1/sweeps", sweeps.show_all, methods=["GET"]),
            Route("/v1/sweeps/{sweep_id}", sweeps.show, methods=["GET"]),
            Route("/v1/spools", spools.show_all, methods=["GET"]),
            Route("/v1/spools/{spool_id}", spools.forget, methods=["DELETE"]),
            Route("/v1/replays", replays.begin, methods=["POST"]),
            Route("/v1/replays", replays.show_all, methods=["GET"]),
            Route("/v1/replays/{replay_id}", replays.show, methods=["GET"]),
            Route("/v1/replays/{replay_id}/cancel", replays.cancel, methods=["POST"]),
            Route("/v1/notifications/test", notifications.test, methods=["POST"]),
            Route("/v1/notifications/{notice_id}", notifications.show, methods=["GET"]),
            Route("/healthz", health.alive, methods=["GET"]),
            Route("/readyz", health.ready, methods=["GET"]),
            Route("/metrics", metrics.show, methods=["GET"]),
            Route("/openapi.json", description.openapi, methods=["GET"]),
            Route("/docs", description.docs, methods=["GET"]),
            *console_routes(),
            *dashboard.routes(),
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
            Middleware(BodyLimit),
            Middleware(Straight),
            Middleware(BoundIds),
            Middleware(Deadline),
        ],
        lifespan=lifespan,
    )
    # A sender that is sent elsewhere loses its event: no vendor follows a redirect.
    app.router.redirect_slashes = False
    return app
