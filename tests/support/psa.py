"""A PSA to ask: ConnectWise and Autotask in their documented shapes, as far as Unglue asks them."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CW_KEYS: Final = {"public_key": "PUB", "private_key": "a-private-key", "client_id": "guid-1"}
AT_KEYS: Final = {
    "username": "api@zinc.example",
    "secret": "an-api-secret",
    "integration_code": "CODE",
}
_CW = "/v4_6_release/apis/3.0/company/companies"
_CALLBACKS = "/v4_6_release/apis/3.0/system/callbacks"
_AT = "/ATServicesRest/v1.0"


@dataclass
class StandInPsa:
    """What it knows, how it behaves, and what it was asked.

    `companies` are ConnectWise's by id, `accounts` Autotask's. `fault` is a status that everything
    is answered with, 0 breaks off. `before` may change something before the nth company is read.
    """

    companies: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[int, tuple[str, bool]] = field(
        default_factory=lambda: {1: ("Active", False), 2: ("Inactive", True), 12: ("Gone", True)}
    )
    fault: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    before: dict[int, Callable[[], None]] = field(default_factory=dict)
    raw: bytes | None = None
    pause: float = 0
    zone: str = ""
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    reads: int = 0

    def reset(self) -> None:
        """As it was made; who serves it goes on."""
        self.__dict__.update(type(self)().__dict__)

    def company(self, number: int, name: str, status: int = 2, more: Any = None) -> None:
        """A company of ConnectWise."""
        reference = {"id": status, "name": self.statuses.get(status, ("?", False))[0]}
        record = {"id": number, "name": name, "status": reference}
        self.companies[str(number)] = {**record, **(more or {})}

    def account(self, number: int, name: str, *, active: bool = False) -> None:
        """A company of Autotask."""
        self.accounts[str(number)] = {"id": number, "companyName": name, "isActive": active}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(f"{_CW}/statuses", self._cw(self._statuses)),
                Route(f"{_CW}/statuses/{{id}}", self._cw(self._status)),
                Route(f"{_CW}/{{id}}", self._cw(self._company)),
                Route(_CALLBACKS, self._cw(self._listed)),
                Route(_CALLBACKS, self._changing, methods=["POST"]),
                Route(f"{_CALLBACKS}/{{id}}", self._changing, methods=["PUT"]),
                Route("/atservicesrest/v1.0/zoneInformation", self._zone),
                Route(f"{_AT}/Companies/{{id}}", self._account),
            ]
        )

    async def _trouble(self, request: Request) -> Response | None:
        self.asked.append(f"{request.method} {request.url.path}")
        await asyncio.sleep(self.pause)
        if self.fault is not None:
            return JSONResponse({"message": "no"}, self.fault, headers=self.headers)
        return Response(self.raw) if self.raw is not None else None

    def _cw(self, answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            trouble = await self._trouble(request)
            if trouble is not None:
                return trouble
            pair = f"Cobalt+{CW_KEYS['public_key']}:{CW_KEYS['private_key']}".encode()
            basic = f"Basic {base64.b64encode(pair).decode()}"
            sent = (request.headers.get("authorization"), request.headers.get("clientid"))
            if sent != (basic, CW_KEYS["client_id"]):
                return JSONResponse({"code": "Unauthorized", "message": "wrong keys"}, 401)
            return answer(request)

        return guarded

    def _read(self) -> None:
        self.reads += 1
        self.before.get(self.reads, lambda: None)()

    def _company(self, request: Request) -> Response:
        self._read()
        found = self.companies.get(request.path_params["id"])
        if found is None:
            return JSONResponse({"code": "NotFound", "message": "not found"}, 404)
        return JSONResponse(found)

    def _status(self, request: Request) -> Response:
        number = int(request.path_params["id"])
        if number not in self.statuses:
            return JSONResponse({"code": "NotFound", "message": "not found"}, 404)
        return JSONResponse(self._row(number))

    def _statuses(self, request: Request) -> Response:
        size, page = int(request.query_params["pageSize"]), int(request.query_params["page"])
        rows = [self._row(number) for number in sorted(self.statuses)]
        return JSONResponse(rows[size * (page - 1) : size * page])

    def _row(self, number: int) -> dict[str, Any]:
        name, inactive = self.statuses[number]
        return {"id": number, "name": name, "inactiveFlag": inactive}

    def _listed(self, request: Request) -> Response:
        size, page = int(request.query_params["pageSize"]), int(request.query_params["page"])
        return JSONResponse(self.callbacks[size * (page - 1) : size * page])

    async def _changing(self, request: Request) -> Response:
        entry = await request.json()

        def taken(request: Request) -> Response:
            number = request.path_params.get("id")
            others = [each for each in self.callbacks if str(each["id"]) != number]
            if (entry["url"], entry["type"]) in [(each["url"], each["type"]) for each in others]:
                return JSONResponse({"code": "ObjectExists", "message": "already exists"}, 400)
            stored = {**entry, "id": int(number or 26601), "connectWiseID": "c", "_info": {}}
            self.callbacks = [*others, stored]
            return JSONResponse(stored, 200 if number else 201)

        answer: Response = await self._cw(taken)(request)
        return answer

    async def _zone(self, request: Request) -> Response:
        trouble = await self._trouble(request)
        if trouble is not None:
            return trouble
        assert "secret" not in request.headers
        if request.query_params.get("user") != AT_KEYS["username"]:
            return JSONResponse({"errors": ["unknown user"]}, 500)
        own = f"http://{request.headers['host']}//ATServicesRest/"
        return JSONResponse({"zoneName": "A", "url": self.zone or own, "ci": 1})

    async def _account(self, request: Request) -> Response:
        trouble = await self._trouble(request)
        if trouble is not None:
            return trouble
        sent = {
            "username": request.headers.get("username"),
            "secret": request.headers.get("secret"),
            "integration_code": request.headers.get("apiintegrationcode"),
        }
        if sent != AT_KEYS:
            return JSONResponse({"errors": ["wrong"]}, 401)
        self._read()
        return JSONResponse({"item": self.accounts.get(request.path_params["id"])})
