"""A sandbox account with as many organizations as a test needs, each of a client of its own."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.sandbox.faults import parse_faults
from service.sandbox.settings import SandboxSettings
from service.sandbox.shapes import Psa, Seed, SeedOrganization

FIRST = 10_000


@dataclass(frozen=True)
class Crowd:
    """Organization `FIRST + n` is linked to company `n` of the PSA `links[n % len(links)]`.

    `removal_seconds` pass between an accepted DELETE and the end of the organization. Where it
    `stumbles`, the first search for each client is answered by an HTML page with status 502.
    """

    size: int = 200
    status: str = "Inactive"
    removal_seconds: float = 0.3
    links: tuple[str, ...] = ("manage",)
    faults: tuple[str, ...] = ()
    stumbles: bool = False
    synced: bool = True


class Stumbling:
    """IT Glue behind a gateway that fails at the first search for each client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._searched: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = dict(parse_qsl(scope.get("query_string", b"").decode()))
        client = query.get("filter[psa_id]")
        if client is not None and client not in self._searched:
            self._searched.add(client)
            await HTMLResponse("<h1>Bad Gateway</h1>", 502)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def org_of(company: int) -> str:
    """The organization of a client."""
    return str(FIRST + company)


def crowded(crowd: Crowd) -> SandboxSettings:
    """The sandbox of this crowd. Few kinds of assets: each costs a request a plan."""
    organizations = tuple(
        SeedOrganization(
            id=FIRST + number,
            name=f"Client {number}",
            status=crowd.status,
            psa=Psa(crowd.links[number % len(crowd.links)], str(number), synced=crowd.synced),
        )
        for number in range(1, crowd.size + 1)
    )
    return SandboxSettings(
        requests_per_5_minutes=10_000_000,
        removal_seconds=crowd.removal_seconds,
        export_seconds=0.2,
        seed=Seed(
            # An account that shows nothing at all is no proof that anything is gone.
            organizations=(SeedOrganization(id=1, name="The MSP", primary=True), *organizations),
            statuses={68: "Active", 69: "Inactive"},
            types={86: "Customer"},
            flexible_asset_types={33: "Email"},
        ),
        faults=parse_faults(list(crowd.faults)),
    )
