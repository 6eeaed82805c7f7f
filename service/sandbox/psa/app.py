"""Every vendor's endpoints over one tenant."""

from starlette.applications import Starlette

from service.sandbox.psa.autotask import autotask_routes
from service.sandbox.psa.connectwise import connectwise_routes
from service.sandbox.psa.halopsa import halopsa_routes
from service.sandbox.psa.ninjaone import ninjaone_routes
from service.sandbox.psa.tenant import Tenant


def create_psa(tenant: Tenant) -> Starlette:
    """The tenant as an app."""
    makers = (connectwise_routes, autotask_routes, ninjaone_routes, halopsa_routes)
    return Starlette(routes=[route for make in makers for route in make(tenant)])
