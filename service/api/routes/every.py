"""Every route: loaded by the first who asks for another than a start needs (`rest.py`)."""

from starlette.routing import Route, Router

from service.api.openapi.operations import OPERATIONS
from service.api.routes import description
from service.console.routes import routes as console_routes
from service.dashboard.guard import open_dashboard
from workers.settings import Settings


class Every:
    """The routes of an installation, and what is behind them until it is closed."""

    def __init__(self, settings: Settings) -> None:
        dashboard = open_dashboard(settings)
        self.close = dashboard.close
        self.router = Router(
            [
                *(Route(each.path, each.route, methods=[each.method]) for each in OPERATIONS),
                Route("/openapi.json", description.openapi, methods=["GET"]),
                Route("/docs", description.docs, methods=["GET"]),
                *console_routes(),
                *dashboard.routes(),
            ],
            # A sender that is sent elsewhere loses its event: no vendor follows a redirect.
            redirect_slashes=False,
        )
