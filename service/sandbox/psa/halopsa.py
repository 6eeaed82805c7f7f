"""HaloPSA: clients, in pages that are counted."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.sandbox.psa.oauth import OAuth
from service.sandbox.psa.tenant import Tenant


def halopsa_routes(tenant: Tenant) -> list[Route]:
    """Its endpoints."""
    it = _HaloPSA(tenant)
    return [
        Route("/auth/token", it.token, methods=["POST"]),
        Route("/api/Client", it.guarded(it.clients)),
        Route("/api/Client/{id}", it.guarded(it.client)),
    ]


class _HaloPSA(OAuth):
    async def clients(self, request: Request) -> Response:
        self.at.read()
        size, page = int(request.query_params["page_size"]), int(request.query_params["page_no"])
        inactive = request.query_params.get("includeinactive") == "true"
        listed = (row for row in self.at.clients.values() if inactive or not row.get("inactive"))
        rows = sorted(listed, key=lambda row: int(row["id"]))
        shown = rows[size * (page - 1) : size * page]
        return JSONResponse({"record_count": len(rows), "clients": shown})

    async def client(self, request: Request) -> Response:
        self.at.read()
        found = self.at.clients.get(request.path_params["id"])
        return Response(status_code=404) if found is None else JSONResponse(found)
