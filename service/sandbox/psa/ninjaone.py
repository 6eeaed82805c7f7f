"""NinjaOne: organizations, activities, the one webhook of an API client. Public API 2.0.9."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.sandbox.psa.oauth import OAuth
from service.sandbox.psa.tenant import Tenant

_LEAST: Final = 10
_MOST: Final = 1000


def ninjaone_routes(tenant: Tenant) -> list[Route]:
    """Its endpoints."""
    it = _NinjaOne(tenant)
    return [
        Route("/ws/oauth/token", it.token, methods=["POST"]),
        Route("/v2/organizations", it.guarded(it.organizations)),
        Route("/v2/organization/{id}", it.guarded(it.organization)),
        Route("/v2/activities", it.guarded(it.activities)),
        Route("/v2/webhook", it.guarded(it.put), methods=["PUT"]),
        Route("/v2/webhook", it.guarded(it.removed), methods=["DELETE"]),
    ]


class _NinjaOne(OAuth):
    async def organizations(self, request: Request) -> Response:
        self.at.read()
        size, after = int(request.query_params["pageSize"]), int(request.query_params["after"])
        rows = sorted(self.at.organizations.values(), key=lambda row: int(row.get("id", 0)))
        return JSONResponse([row for row in rows if int(row.get("id", 0)) > after][:size])

    async def organization(self, request: Request) -> Response:
        self.at.read()
        found = self.at.organizations.get(request.path_params["id"])
        if found is None:
            gone = {"resultCode": "FAILURE", "errorMessage": "organization_not_found"}
            return JSONResponse(gone, 404)
        return JSONResponse(found)

    async def activities(self, request: Request) -> Response:
        """The newest first. An organization that is gone is named by its id alone."""
        self.at.read()
        query = request.query_params
        size = min(max(int(query.get("pageSize", 200)), _LEAST), _MOST)
        newer, older = int(query.get("newerThan", 0)), int(query.get("olderThan", 2**63))
        logged = self.at.activities
        kept = logged if query.get("class", "ALL") in {"ALL", self.at.log_class} else []
        rows = [row for row in reversed(kept) if newer < int(row["id"]) < older][:size]
        shown = [{name: row[name] for name in row if name != "organization"} for row in rows]
        newest = max((int(row["id"]) for row in logged), default=0)
        return JSONResponse({"lastActivityId": newest, "activities": shown})

    async def put(self, request: Request) -> Response:
        self.at.webhook = await request.json()
        return Response(status_code=204)

    async def removed(self, _request: Request) -> Response:
        self.at.webhook = None
        return Response(status_code=204)
