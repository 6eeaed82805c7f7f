"""One tenant of a vendor: its clients, how it behaves, and what it was asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.times.clock import Clock, system_clock

Answer = Callable[[Request], Awaitable[Response]]


def written(moment: datetime) -> str:
    """A moment as these vendors write it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Tenant:
    """Records are kept as the vendor shows them, so that each can be made wrong.

    `companies` are ConnectWise's by id, `accounts` Autotask's, `organizations` NinjaOne's,
    `clients` HaloPSA's; `tokens` are those of the latter two that are good, `activities` what
    NinjaOne logs, in the class `log_class`. `fault` is a status that everything is answered with,
    `raw` a body instead of everything else, both after a `pause` of seconds.
    `before` may change something before the nth company is read. `clock` is the vendor's.
    """

    companies: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    organizations: dict[str, dict[str, Any]] = field(default_factory=dict)
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)
    log_class: str = "SYSTEM"
    tokens: set[str] = field(default_factory=set)
    webhook: dict[str, Any] | None = None
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
    errors: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)
    excluded: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    reads: int = 0
    clock: Clock = system_clock

    def reset(self) -> None:
        """As it was made; who serves it goes on."""
        self.__dict__.update(type(self)().__dict__)

    def now(self) -> datetime:
        """The time by the vendor's clock."""
        return self.clock()

    def company(self, number: int, name: str, status: int = 2, more: Any = None) -> None:  # noqa: ANN401 - as the vendor shows it
        """A company of ConnectWise, saved now."""
        reference = {"id": status, "name": self.statuses.get(status, ("?", False))[0]}
        saved = {"lastUpdated": written(self.clock()), "updatedBy": "admin1"}
        record = {"id": number, "name": name, "status": reference, "_info": saved}
        self.companies[str(number)] = {**record, **(more or {})}

    def account(self, number: int, name: str, *, active: bool = False) -> None:
        """A company of Autotask, changed now; its times have no zone."""
        at = self.clock().astimezone(UTC).isoformat(timespec="milliseconds").partition("+")[0]
        self.accounts[str(number)] = {
            "id": number,
            "companyName": name,
            "isActive": active,
            "lastTrackedModifiedDateTime": at,
        }

    def organization(self, number: int, name: str) -> None:
        """An organization of NinjaOne."""
        self.organizations[str(number)] = {"id": number, "name": name, "description": ""}

    def activity(self, code: str, number: int, name: str) -> dict[str, Any]:
        """What NinjaOne logs, and posts as it is logged, when an organization changes."""
        newest = max((int(each["id"]) for each in self.activities), default=0)
        logged = {
            # Later ones are higher, also after a restart.
            "id": max(newest + 1, int(self.clock().timestamp() * 1000)),
            "activityTime": self.clock().timestamp(),
            "activityType": "SYSTEM",
            "statusCode": code,
            "organizationId": number,
            "organization": {"id": number, "name": name},
        }
        self.activities.append(logged)
        return logged

    def client(self, number: int, name: str, *, active: bool = False) -> None:
        """A client of HaloPSA."""
        self.clients[str(number)] = {"id": number, "name": name, "inactive": not active}

    def read(self) -> None:
        """A client is read; whatever is to happen before that happens."""
        self.reads += 1
        self.before.get(self.reads, lambda: None)()

    async def trouble(self, request: Request) -> Response | None:
        """What it answers instead, where something is wrong with it."""
        self.asked.append(f"{request.method} {request.url.path}")
        await asyncio.sleep(self.pause)
        if self.fault is not None:
            return JSONResponse({"message": "no"}, self.fault, headers=self.headers)
        return Response(self.raw) if self.raw is not None else None

    def guarded(self, answer: Answer, refused: Callable[[Request], Response | None]) -> Answer:
        """The endpoint, for whom trouble and wrong credentials (`refused`) come first."""

        async def guarded(request: Request) -> Response:
            return await self.trouble(request) or refused(request) or await answer(request)

        return guarded
