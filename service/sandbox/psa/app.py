"""Every vendor's endpoints over one tenant."""

from starlette.applications import Starlette

from service.sandbox.psa.autotask import autotask_routes
from service.sandbox.psa.connectwise import connectwise_routes
from service.sandbox.psa.tenant import Tenant


def create_psa(tenant: Tenant) -> Starlette:
    """The tenant as an app."""
    return Starlette(routes=[*connectwise_routes(tenant), *autotask_routes(tenant)])
