"""NinjaOne: organizations, and the one webhook of an API client. Public API 2.0.9."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.sandbox.psa.oauth import OAuth
from service.sandbox.psa.tenant import Tenant


def ninjaone_routes(tenant: Tenant) -> list[Route]:
    """Its endpoints."""
    oauth, it = OAuth(tenant), _NinjaOne(tenant)
    return [
        Route("/ws/oauth/token", oauth.token, methods=["POST"]),
        Route("/v2/organizations", oauth.guarded(it.organizations)),
        Route("/v2/organization/{id}", oauth.guarded(it.organization)),
        Route("/v2/webhook", oauth.guarded(it.put), methods=["PUT"]),
        Route("/v2/webhook", oauth.guarded(it.removed), methods=["DELETE"]),
    ]


class _NinjaOne:
    def __init__(self, tenant: Tenant) -> None:
        self._at = tenant

    async def organizations(self, request: Request) -> Response:
        self._at.read()
        size, after = int(request.query_params["pageSize"]), int(request.query_params["after"])
        rows = sorted(self._at.organizations.values(), key=lambda row: int(row.get("id", 0)))
        return JSONResponse([row for row in rows if int(row.get("id", 0)) > after][:size])

    async def organization(self, request: Request) -> Response:
        self._at.read()
        found = self._at.organizations.get(request.path_params["id"])
        if found is None:
            gone = {"resultCode": "FAILURE", "errorMessage": "organization_not_found"}
            return JSONResponse(gone, 404)
        return JSONResponse(found)

    async def put(self, request: Request) -> Response:
        self._at.webhook = await request.json()
        return Response(status_code=204)

    async def removed(self, _request: Request) -> Response:
        self._at.webhook = None
        return Response(status_code=204)
