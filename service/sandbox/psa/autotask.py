"""Autotask PSA: zones, companies, and the log of what could not be delivered. REST API 1.0."""

from functools import partial
from typing import Any, Final
from uuid import uuid4

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
_LONGEST_NAME: Final = 50
_LONGEST_SECRET: Final = 64
# The numbers differ from tenant to tenant.
_FIELDS: Final = {3: "Company Name", 5: "Is Active", 9: "Phone"}


def autotask_routes(tenant: Tenant) -> list[Route]:
    """Its endpoints."""
    it = _Autotask(tenant)
    known = partial(tenant.guarded, refused=_refused)
    return [
        Route("/atservicesrest/v1.0/zoneInformation", it.zone),
        Route(f"{_ROOT}/Companies/query", known(it.companies), methods=["POST"]),
        Route(f"{_ROOT}/Companies/{{id}}", known(it.company)),
        Route(f"{_ROOT}/CompanyWebhooks", known(it.put), methods=["POST", "PATCH"]),
        Route(f"{_ROOT}/CompanyWebhooks/{{id}}", known(it.removed), methods=["DELETE"]),
        Route(f"{_ROOT}/CompanyWebhooks/{{id}}/Fields", known(it.field), methods=["POST", "PATCH"]),
        Route(
            f"{_ROOT}/CompanyWebhooks/{{id}}/ExcludedResources", known(it.exclude), methods=["POST"]
        ),
        Route(f"{_ROOT}/CompanyWebhookFields/entityInformation/fields", known(it.picklist)),
        Route(f"{_ROOT}/{{entity}}/query", known(it.queried), methods=["POST"]),
    ]


def _refused(request: Request) -> Response | None:
    sent = {
        "username": request.headers.get("username"),
        "secret": request.headers.get("secret"),
        "integration_code": request.headers.get("apiintegrationcode"),
    }
    return None if sent == AT_KEYS else JSONResponse({"errors": ["wrong"]}, 401)


class _Autotask:
    def __init__(self, tenant: Tenant) -> None:
        self._at = tenant

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
        self._at.read()
        return JSONResponse({"item": self._at.accounts.get(request.path_params["id"])})

    async def companies(self, request: Request) -> Response:
        self._at.read()
        rows = sorted(self._at.accounts.values(), key=lambda row: int(row["id"]))
        return _queried(rows, await request.json())

    async def queried(self, request: Request) -> Response:
        """The entities without an endpoint of their own."""
        tables = {
            "WebhookEventErrorLogs": self._at.errors,
            "CompanyWebhooks": self._at.webhooks,
            "CompanyWebhookFields": self._at.fields,
            "CompanyWebhookExcludedResources": self._at.excluded,
        }
        rows = tables.get(request.path_params["entity"])
        if rows is None:
            return JSONResponse({"Message": "no such entity"}, 404)
        # The secret is never shown again.
        shown = [{name: row[name] for name in row if name != "secretKey"} for row in rows]
        return _queried(shown, await request.json())

    async def put(self, request: Request) -> Response:
        """A webhook is made, or changed."""
        entry = await request.json()
        if request.method == "PATCH":
            return _changed(self._at.webhooks, entry)
        if len(entry["name"]) > _LONGEST_NAME or len(entry["secretKey"]) > _LONGEST_SECRET:
            return JSONResponse({"errors": ["a value is too long"]}, 500)
        row = {**entry, "id": _next(self._at.webhooks), "webhookGUID": str(uuid4())}
        self._at.webhooks.append(row)
        return JSONResponse({"itemId": row["id"]})

    async def removed(self, request: Request) -> Response:
        number = int(request.path_params["id"])
        self._at.webhooks = [row for row in self._at.webhooks if row["id"] != number]
        return JSONResponse({"itemId": number})

    async def field(self, request: Request) -> Response:
        """A field of a webhook is made, or changed."""
        entry = await request.json()
        if request.method == "PATCH":
            return _changed(self._at.fields, entry)
        row = {**entry, "id": _next(self._at.fields)}
        row["webhookID"] = int(request.path_params["id"])
        self._at.fields.append(row)
        return JSONResponse({"itemId": row["id"]})

    async def exclude(self, request: Request) -> Response:
        number = _next(self._at.excluded)
        of = int(request.path_params["id"])
        self._at.excluded.append({**await request.json(), "id": number, "webhookID": of})
        return JSONResponse({"itemId": number})

    async def picklist(self, _request: Request) -> Response:
        picks = [{"value": str(number), "label": label} for number, label in _FIELDS.items()]
        fields = [{"name": "id"}, {"name": "fieldID", "picklistValues": picks}]
        return JSONResponse({"fields": fields})


def _next(rows: list[dict[str, Any]]) -> int:
    return 1 + max((row["id"] for row in rows), default=0)


def _changed(rows: list[dict[str, Any]], entry: dict[str, Any]) -> Response:
    for row in rows:
        if row["id"] == entry["id"]:
            row.update(entry)
            return JSONResponse({"itemId": row["id"]})
    return JSONResponse({"errors": ["no such record"]}, 500)


def _queried(rows: list[dict[str, Any]], asked: dict[str, Any]) -> Response:
    most = min(int(asked.get("MaxRecords", _MOST)), _MOST)
    met = [row for row in rows if all(_met(row, each) for each in asked["filter"])]
    details = {"count": len(met[:most]), "requestCount": most, "nextPageUrl": None}
    return JSONResponse({"items": met[:most], "pageDetails": details})


def _met(row: dict[str, Any], asked: dict[str, Any]) -> bool:
    value, wanted = row.get(asked["field"]), asked.get("value")
    if asked["field"] == "id" and wanted is not None:
        value, wanted = int(row["id"]), int(wanted)
    if asked["op"] == "exist":
        return value is not None
    if asked["op"] == "eq":
        return str(value) == str(wanted)
    if asked["op"] == "gt":
        return bool(value is not None and value > wanted)
    return bool(asked["op"] == "gte" and str(value).rstrip("Z") >= str(wanted).rstrip("Z"))
