"""ConnectWise PSA: companies, their statuses, and callbacks. REST API 3.0, OpenAPI 2025.1."""

import base64
import re
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.sandbox.psa.tenant import Answer, Tenant

CW_KEYS: Final = {"public_key": "PUB", "private_key": "a-private-key", "client_id": "guid-1"}
COMPANY: Final = "Cobalt"
_COMPANIES = "/v4_6_release/apis/3.0/company/companies"
_CALLBACKS = "/v4_6_release/apis/3.0/system/callbacks"
_CONDITION = re.compile(r"(id|lastUpdated) (>=|>) \[?([0-9TZ:-]+)\]?")
_MOST: Final = 1000


def connectwise_routes(tenant: Tenant) -> list[Route]:
    """Its endpoints."""
    it = _ConnectWise(tenant)
    return [
        Route(_COMPANIES, it.guarded(it.companies)),
        Route(f"{_COMPANIES}/statuses", it.guarded(it.statuses)),
        Route(f"{_COMPANIES}/statuses/{{id}}", it.guarded(it.status)),
        Route(f"{_COMPANIES}/{{id}}", it.guarded(it.company)),
        Route(_CALLBACKS, it.guarded(it.listed)),
        Route(_CALLBACKS, it.changing, methods=["POST"]),
        Route(f"{_CALLBACKS}/{{id}}", it.changing, methods=["PUT"]),
        Route(f"{_CALLBACKS}/{{id}}", it.guarded(it.removed), methods=["DELETE"]),
    ]


def _refused(request: Request) -> Response | None:
    pair = f"{COMPANY}+{CW_KEYS['public_key']}:{CW_KEYS['private_key']}".encode()
    basic = f"Basic {base64.b64encode(pair).decode()}"
    sent = (request.headers.get("authorization"), request.headers.get("clientid"))
    if sent != (basic, CW_KEYS["client_id"]):
        return JSONResponse({"code": "Unauthorized", "message": "wrong keys"}, 401)
    return None


def _not_found() -> Response:
    return JSONResponse({"code": "NotFound", "message": "not found"}, 404)


class _ConnectWise:
    def __init__(self, tenant: Tenant) -> None:
        self._at = tenant

    def guarded(self, answer: Callable[[Request], Response]) -> Answer:
        """Trouble and wrong keys come first."""

        async def answered(request: Request) -> Response:
            return answer(request)

        return self._at.guarded(answered, _refused)

    def companies(self, request: Request) -> Response:
        asked = request.query_params.get("conditions", "")
        parts = [_CONDITION.fullmatch(part) for part in asked.split(" and ") if part]
        if any(part is None for part in parts):
            return JSONResponse({"code": "InvalidCondition", "message": asked}, 400)
        self._at.read()
        rows = sorted(self._at.companies.values(), key=lambda row: int(row.get("id", 0)))
        met = [row for row in rows if all(part and _met(row, *part.groups()) for part in parts)]
        return _page(request, met)

    def company(self, request: Request) -> Response:
        self._at.read()
        found = self._at.companies.get(request.path_params["id"])
        return _not_found() if found is None else JSONResponse(found)

    def status(self, request: Request) -> Response:
        number = int(request.path_params["id"])
        return JSONResponse(self._row(number)) if number in self._at.statuses else _not_found()

    def statuses(self, request: Request) -> Response:
        return _page(request, [self._row(number) for number in sorted(self._at.statuses)])

    def _row(self, number: int) -> dict[str, Any]:
        name, inactive = self._at.statuses[number]
        return {"id": number, "name": name, "inactiveFlag": inactive}

    def listed(self, request: Request) -> Response:
        return _page(request, self._at.callbacks)

    def removed(self, request: Request) -> Response:
        number = request.path_params["id"]
        left = [each for each in self._at.callbacks if str(each["id"]) != number]
        if len(left) == len(self._at.callbacks):
            return _not_found()
        self._at.callbacks = left
        return Response(status_code=204)

    async def changing(self, request: Request) -> Response:
        entry = await request.json()

        def taken(request: Request) -> Response:
            number = request.path_params.get("id")
            others = [each for each in self._at.callbacks if str(each["id"]) != number]
            if (entry["url"], entry["type"]) in [(each["url"], each["type"]) for each in others]:
                return JSONResponse({"code": "ObjectExists", "message": "already exists"}, 400)
            stored = {**entry, "id": int(number or 26601), "connectWiseID": "c", "_info": {}}
            self._at.callbacks = [*others, stored]
            return JSONResponse(stored, 200 if number else 201)

        return await self.guarded(taken)(request)


def _met(row: dict[str, Any], name: str, how: str, value: str) -> bool:
    if name == "id":
        return int(row.get("id", 0)) > int(value)
    return how == ">=" and str(row.get("_info", {}).get("lastUpdated", "")) >= value


def _page(request: Request, rows: list[dict[str, Any]]) -> Response:
    query = request.query_params
    size, page = min(int(query.get("pageSize", "25")), _MOST), int(query.get("page", "1"))
    return JSONResponse(rows[size * (page - 1) : size * page])
