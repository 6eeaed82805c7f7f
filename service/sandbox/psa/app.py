"""The vendors as apps: their endpoints, and under `/_sandbox/` what a rehearsal is steered with.

POST   /_sandbox/clients/{id}   {"name", "active"} or {"deleted": true}; "ago" is in seconds
POST   /_sandbox/mishaps        {"lose", "double", "reorder", "delay"} of the next deliveries
PUT    /_sandbox/webhook        {"url", "headers"}: HaloPSA's, which a person sets up
GET    /_sandbox/deliveries     what was posted, waits for the end of what is under way
GET    /_sandbox/requests       what was asked
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.registry import VENDORS
from service.sandbox.psa.autotask import autotask_routes
from service.sandbox.psa.connectwise import connectwise_routes
from service.sandbox.psa.halopsa import halopsa_routes
from service.sandbox.psa.ninjaone import ninjaone_routes
from service.sandbox.psa.sending import Habits, Mishaps, Outgoing
from service.sandbox.psa.tenant import Tenant
from service.sandbox.psa.vendors import HABITS, KEY_PATH, POSTS, Change
from service.sandbox.seed import DEFAULT_SEED

ROUTES: Final[Mapping[str, Callable[[Tenant], list[Route]]]] = {
    "connectwise": connectwise_routes,
    "autotask": autotask_routes,
    "ninjaone": ninjaone_routes,
    "halopsa": halopsa_routes,
}


def create_psa(tenant: Tenant) -> Starlette:
    """Every vendor's endpoints over one tenant, and nothing that is sent."""
    return Starlette(routes=[route for make in ROUTES.values() for route in make(tenant)])


def create_vendor(
    vendor: str,
    tenant: Tenant,
    *,
    signing_key: str = "a-signing-key",
    pace: float = 1.0,
    origin: str | None = None,
) -> Starlette:
    """One vendor, with what it sends; `origin` is where the service really is."""
    habits = HABITS.get(vendor, Habits())
    out = Outgoing(VENDORS[vendor].sender, habits, clock=tenant.now, pace=pace, origin=origin)
    it = _Control(vendor, tenant, out, signing_key)
    app = Starlette(
        routes=[
            *ROUTES[vendor](tenant),
            Route("/{version}//system/callbackkey/index.rails", it.key),
            Route(KEY_PATH, it.key),
            Route("/_sandbox/clients/{id:int}", it.change, methods=["POST"]),
            Route("/_sandbox/mishaps", it.spoil, methods=["POST"]),
            Route("/_sandbox/webhook", it.hook, methods=["PUT"]),
            Route("/_sandbox/deliveries", it.deliveries),
            Route("/_sandbox/requests", it.requests),
        ]
    )
    app.state.outgoing = out
    return app


class _Control:
    def __init__(self, vendor: str, tenant: Tenant, out: Outgoing, key: str) -> None:
        self._vendor = vendor
        self._at = tenant
        self._out = out
        self._key = key

    async def key(self, _request: Request) -> Response:
        return JSONResponse({"signing_key": self._key})

    async def change(self, request: Request) -> Response:
        asked: dict[str, Any] = await request.json()
        change = Change(
            request.path_params["id"],
            asked["name"],
            active=asked.get("active", True),
            deleted=asked.get("deleted", False),
        )
        clock, ago = self._at.clock, timedelta(seconds=asked.get("ago", 0))
        self._at.clock = lambda: clock() - ago
        try:
            origin = str(request.base_url).rstrip("/")
            POSTS[self._vendor](self._at, self._out, change, origin, self._key)
        finally:
            self._at.clock = clock
        return JSONResponse({"deliveries": len(self._out.made)})

    async def spoil(self, request: Request) -> Response:
        self._out.mishaps = Mishaps(**await request.json())
        return JSONResponse(vars(self._out.mishaps))

    async def hook(self, request: Request) -> Response:
        self._at.webhook = await request.json()
        return Response(status_code=204)

    async def deliveries(self, _request: Request) -> Response:
        await self._out.settled()
        return JSONResponse(self._out.shown())

    async def requests(self, _request: Request) -> Response:
        return JSONResponse(self._at.asked)


def populated() -> Tenant:
    """A tenant whose clients are those that the IT Glue sandbox starts with."""
    tenant = Tenant()
    for each in DEFAULT_SEED.organizations:
        active = each.status == "Active"
        tenant.organization(each.id % 100_000, each.name)
        tenant.client(each.id % 100_000, each.name, active=active)
        if each.psa is not None and each.psa.integration == "autotask":
            tenant.account(int(each.psa.company_id), each.name, active=active)
        elif each.psa is not None:
            tenant.company(int(each.psa.company_id), each.name, 1 if active else 2)
    return tenant
