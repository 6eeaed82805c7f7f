"""The sandbox as a Starlette app."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.sandbox.answers import Refusal, page_not_found
from service.sandbox.gateway import CALL, serve
from service.sandbox.journal import Call
from service.sandbox.routes.activity import list_user_metrics
from service.sandbox.routes.control import CONTROL
from service.sandbox.routes.deletion import delete_organizations
from service.sandbox.routes.exports import (
    create_export,
    delete_export,
    download,
    show_export,
)
from service.sandbox.routes.lists import (
    list_documents,
    list_flexible_assets,
    list_folders,
    list_records,
)
from service.sandbox.routes.organizations import (
    list_organizations,
    show_organization,
    update_organization,
)
from service.sandbox.routes.vocabulary import list_vocabulary
from service.sandbox.settings import SandboxSettings
from service.sandbox.state import Sandbox

_Handler = Callable[[Sandbox, Call], Response]

_COUNTED = (
    "configurations",
    "contacts",
    "locations",
    "passwords",
    "domains",
    "expirations",
    "checklists",
)
_VOCABULARIES = ("organization_statuses", "organization_types", "flexible_asset_types")
_OWNED = "/organizations/{id}/relationships"

_ROUTES: Mapping[tuple[str, str], _Handler] = {
    ("GET", "/organizations"): list_organizations,
    ("DELETE", "/organizations"): delete_organizations,
    ("GET", "/organizations/{id}"): show_organization,
    ("PATCH", "/organizations/{id}"): update_organization,
    **{("GET", f"/{name}"): list_records(name) for name in _COUNTED},
    ("GET", f"{_OWNED}/documents"): list_documents,
    ("GET", f"{_OWNED}/document_folders"): list_folders,
    ("GET", "/flexible_assets"): list_flexible_assets,
    **{("GET", f"/{it}"): list_vocabulary(it.replace("_", "-")) for it in _VOCABULARIES},
    ("GET", "/user_metrics"): list_user_metrics,
    ("POST", "/exports"): create_export,
    ("GET", "/exports/{id}"): show_export,
    ("DELETE", "/exports/{id}"): delete_export,
    ("GET", "/downloads/exports/{id:int}/{token}.zip"): download,
    **CONTROL,
}


class _App(Starlette):
    """Starlette wraps `send` on the way in; the gateway needs the server's own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await serve(self.state.sandbox, super().__call__, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _route(method: str, path: str, handler: _Handler) -> Route:
    async def endpoint(request: Request) -> Response:
        call: Call = request.scope[CALL]
        call.params = request.path_params
        try:
            return handler(request.app.state.sandbox, call)
        except Refusal as refusal:
            return refusal.response()

    return Route(path, endpoint, methods=[method])


def _no_route(_request: Request, _error: Exception) -> Response:
    return page_not_found()


def create_sandbox(
    settings: SandboxSettings,
    *,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime],
) -> Starlette:
    """A stand-in for IT Glue.

    Args:
        settings: the key, the delays, the seed and the first faults.
        clock: a monotonic clock in seconds, for everything that takes time.
        now: the wall clock in UTC, for every timestamp in an answer.
    """
    # A method that a path does not take is an unknown route here, as it is there.
    app = _App(
        routes=[_route(method, path, handler) for (method, path), handler in _ROUTES.items()],
        exception_handlers={404: _no_route, 405: _no_route},
    )
    app.router.redirect_slashes = False
    app.state.sandbox = Sandbox(settings, clock, now)
    return app
