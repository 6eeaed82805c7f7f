"""Every route: loaded by the first who asks for another than a start needs (`rest.py`)."""

from collections.abc import Callable

from starlette.routing import Route, Router

from service.api.openapi.operations import OPERATIONS
from service.api.routes import description
from service.console.routes import routes as console_routes
from service.dashboard.guard import open_dashboard
from workers.settings import Settings


def every(settings: Settings) -> tuple[Router, Callable[[], None]]:
    """The routes of an installation, and how what is behind them is given back."""
    dashboard = open_dashboard(settings)
    routes = [
        *(Route(each.path, each.route, methods=[each.method]) for each in OPERATIONS),
        Route("/openapi.json", description.openapi, methods=["GET"]),
        Route("/docs", description.docs, methods=["GET"]),
        *console_routes(),
        *dashboard.routes(),
    ]
    # A sender that is sent elsewhere loses its event: no vendor follows a redirect.
    return Router(routes, redirect_slashes=False), dashboard.close
