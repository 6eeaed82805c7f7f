"""Autotask PSA: zones, companies, and the log of what could not be delivered. REST API 1.0."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.sandbox.psa.tenant import Tenant

AT_KEYS: Final = {
    "username": "api@zinc.example",
    "secret": "an-api-secret",
    "integration_code": "CODE",
}
_ROOT = "/ATServicesRest/v1.0"
_MOST: Final = 500


def autotask_routes(tenant: Tenant) -> list[Route]:
    """Its endpoints."""
    it = _Autotask(tenant)
    return [
        Route("/atservicesrest/v1.0/zoneInformation", it.zone),
        Route(f"{_ROOT}/Companies/query", it.companies, methods=["POST"]),
        Route(f"{_ROOT}/Companies/{{id}}", it.company),
        Route(f"{_ROOT}/WebhookEventErrorLogs/query", it.errors, methods=["POST"]),
    ]


class _Autotask:
    def __init__(self, tenant: Tenant) -> None:
        self._at = tenant

    async def _refused(self, request: Request) -> Response | None:
        trouble = await self._at.trouble(request)
        if trouble is not None:
            return trouble
        sent = {
            "username": request.headers.get("username"),
            "secret": request.headers.get("secret"),
            "integration_code": request.headers.get("apiintegrationcode"),
        }
        return None if sent == AT_KEYS else JSONResponse({"errors": ["wrong"]}, 401)

    async def zone(self, request: Request) -> Response:
        trouble = await self._at.trouble(request)
        if trouble is not None:
            return trouble
        # Whoever sends it here has not seen yet that it is the right server.
        if "secret" in request.headers or request.query_params.get("user") != AT_KEYS["username"]:
            return JSONResponse({"errors": ["unknown user"]}, 500)
        own = f"http://{request.headers['host']}//ATServicesRest/"
        return JSONResponse({"zoneName": "A", "url": self._at.zone or own, "ci": 1})

    async def company(self, request: Request) -> Response:
        refused = await self._refused(request)
        if refused is not None:
            return refused
        self._at.read()
        return JSONResponse({"item": self._at.accounts.get(request.path_params["id"])})

    async def companies(self, request: Request) -> Response:
        refused = await self._refused(request)
        if refused is not None:
            return refused
        self._at.read()
        rows = sorted(self._at.accounts.values(), key=lambda row: int(row["id"]))
        return _queried(rows, await request.json())

    async def errors(self, request: Request) -> Response:
        refused = await self._refused(request)
        return refused or _queried(self._at.errors, await request.json())


def _queried(rows: list[dict[str, Any]], asked: dict[str, Any]) -> Response:
    most = min(int(asked.get("MaxRecords", _MOST)), _MOST)
    met = [row for row in rows if all(_met(row, each) for each in asked["filter"])]
    details = {"count": len(met[:most]), "requestCount": most, "nextPageUrl": None}
    return JSONResponse({"items": met[:most], "pageDetails": details})


def _met(row: dict[str, Any], asked: dict[str, Any]) -> bool:
    value, wanted = row.get(asked["field"]), asked["value"]
    if asked["field"] == "id":
        value, wanted = int(row["id"]), int(wanted)
    if asked["op"] == "gt":
        return bool(value is not None and value > wanted)
    return bool(asked["op"] == "gte" and str(value).rstrip("Z") >= str(wanted).rstrip("Z"))
