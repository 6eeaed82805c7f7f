"""The sandbox, watched: what was really there when each request was acted upon."""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.types import Message

from service.sandbox.app import create_sandbox
from service.sandbox.faults import parse_fault
from service.sandbox.settings import SandboxSettings
from service.sandbox.shapes import Holds, Organization, Psa, Seed, SeedOrganization
from service.sandbox.state import Sandbox
from service.sandbox.world import World, timestamp
from tests.support.clock import TestClock
from tests.support.in_process import http_scope
from tests.support.links import Links
from tests.support.stateful.job import Job

# Where the account of a second installation is.
ELSEWHERE = "http://127.0.0.1:8998"
_SHOWN = re.compile(r"/organizations/([0-9]+)")


def _inactive(number: int, name: str, company: str | None = None, **more: Any) -> SeedOrganization:
    psa = Psa("manage", company) if company else None
    return SeedOrganization(id=number, name=name, status="Inactive", **{"psa": psa, **more})


SEED = Seed(
    organizations=(
        _inactive(101, "Lantern & Loop Managed IT", primary=True, type="Owner"),
        _inactive(301, "TestCompany", "2", idle_days=120, holds=Holds(contacts=1)),
        _inactive(
            302,
            "Paper Moon Cinema",
            "21",
            holds=Holds(flexible_assets={"Email": 1, "LAN": 1}, documents={"": 1, "Runbooks": 1}),
        ),
        _inactive(303, "Tin Whistle Holdings", "22"),
        _inactive(304, "Tin Whistle Workshops", parent=303),
        _inactive(306, "Glass Harbour Aquarium", "23", my_glue_account=9001),
        _inactive(307, "Clockwork Orchard", "24", quick_notes="Under review. #keep"),
        _inactive(308, "Saffron Bicycle Repair", "25"),
        _inactive(309, "Saffron Bicycle Repair", "26"),
        _inactive(310, "Moss, Fern and Partners", "27", idle_days=3),
        _inactive(311, "Velvet Anchor Laundry"),
        _inactive(313, "Autotask Corporation", psa=Psa("autotask", "2")),
        SeedOrganization(id=202, name="Blue Heron Canoes", psa=Psa("manage", "12")),
    ),
    statuses={68: "Active", 69: "Inactive", 70: "Testing Only"},
    types={15: "Owner", 86: "Customer", 87: "Vendor"},
    flexible_asset_types={33: "Email", 35: "LAN"},
)


# Another MSP's, or a copy for trials: the same ids and names, and clients of its own.
OTHER_SEED = Seed(
    organizations=(
        _inactive(901, "Another MSP", primary=True, type="Owner"),
        _inactive(301, "TestCompany", "2", idle_days=120),
        _inactive(311, "Velvet Anchor Laundry"),
        _inactive(902, "A Client of Theirs", "27"),
    ),
    statuses=SEED.statuses,
    types=SEED.types,
    flexible_asset_types=SEED.flexible_asset_types,
)


RECORDS: Mapping[str, Mapping[str, Any]] = {
    "configurations": {"name": "added", "archived": False},
    "flexible-assets": {"flexible-asset-type-id": 35, "flexible-asset-type-name": "LAN"},
    "documents": {"name": "added", "document-folder-id": None, "content": ""},
    "user-metrics": {
        "resource-type": "Organization", "created": 0, "viewed": 1, "edited": 0, "deleted": 0,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request on its way."""

    job: Job
    method: str
    path: str
    query: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    elsewhere: bool = False

    @cached_property
    def pairs(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def shows(self) -> int | None:
        """The organization that is read by its id."""
        match = _SHOWN.fullmatch(self.path)
        return int(match[1]) if match and self.method == "GET" else None


@dataclass(frozen=True)
class Facts:
    """What is true of an organization at a moment."""

    id: int
    name: str
    status: str | None
    type: str | None
    primary: bool
    psa: Psa | None
    my_glue: bool
    texts: str
    created_at: str
    updated_at: str
    parent_id: int | None
    links: frozenset[tuple[str, str]] = frozenset()


Snapshot = Mapping[int, Facts]


def facts(world: World, more: Links) -> Snapshot:
    """Every organization as it is now."""
    return {
        each.id: Facts(
            id=each.id,
            name=each.name,
            status=world.statuses.get(each.status_id or 0),
            type=world.types.get(each.type_id or 0),
            primary=each.primary,
            psa=each.psa,
            my_glue=each.my_glue_account_id is not None,
            texts=" ".join(filter(None, (each.quick_notes, each.alert, each.description))),
            created_at=each.created_at,
            updated_at=each.updated_at,
            parent_id=each.parent_id,
            links=_links(each, more),
        )
        for each in world.organizations.values()
    }


def _links(each: Organization, more: Links) -> frozenset[tuple[str, str]]:
    own = [(each.psa.integration, each.psa.company_id)] if each.psa else []
    return frozenset([*own, *more.more.get(str(each.id), ())])


_ACTED: ContextVar[Callable[[], None] | None] = ContextVar("acted", default=None)


class _Sandbox(Sandbox):
    """Says when a request is acted upon: right after the world was brought up to date for it."""

    def settle(self) -> None:
        super().settle()
        acted = _ACTED.get()
        if acted is not None:
            _ACTED.set(None)
            acted()


class Account:
    """An IT Glue account in this process. `arriving` hears of each request as it is acted upon.

    While it is `changed`, another account answers at the same address: another key was configured,
    which jobs have that begin then. `misled` hears of every request that gets there.
    """

    def __init__(self, clock: TestClock) -> None:
        settings = SandboxSettings(seed=SEED)
        self.app = create_sandbox(settings, clock=lambda: clock().timestamp(), now=clock)
        self.sandbox = _Sandbox(settings, lambda: clock().timestamp(), clock)
        self.app.state.sandbox = self.sandbox
        self.links = Links()
        self._front = self.links.in_front(self.app)
        self.clock = clock
        self.arriving: Callable[[Asked], None] = lambda _asked: None
        self.misled: Callable[[Asked], None] = lambda _asked: None
        self.changed = False
        self._seen: dict[Job, bool] = {}
        self._other = create_sandbox(
            SandboxSettings(seed=OTHER_SEED), clock=lambda: clock().timestamp(), now=clock
        )

    @property
    def world(self) -> World:
        return self.sandbox.world

    def now(self) -> datetime:
        return self.clock()

    def fault(self, text: str) -> None:
        """Switch a fault on."""
        name, fault = parse_fault(text)
        self.sandbox.faults.set(name, fault)
        self.sandbox.reads.clear()

    def calm(self) -> None:
        """Switch every fault off."""
        for name in list(self.sandbox.faults.active):
            self.sandbox.faults.set(name, None)

    def snapshot(self) -> Snapshot:
        return facts(self.world, self.links)

    def exists(self, org_id: int) -> bool:
        self.sandbox.settle()
        return org_id in self.world.organizations

    # -- what people do there --------------------------------------------------------------------

    def edit(self, org_id: int, **changes: Any) -> None:
        """Somebody edits an organization."""
        each = self._found(org_id)
        if each is not None:
            for name, value in changes.items():
                setattr(each, name, value)
            each.updated_at = timestamp(self.clock())

    def link(self, org_id: int, integration: str, company: str) -> None:
        """Somebody links an organization to one more company, or to none but its first."""
        before = self.links.more.get(str(org_id), ())
        more = (*before, (integration, company)) if company else ()
        self.links.more = {**self.links.more, str(org_id): more}

    def recreate(self, org_id: int) -> None:
        """Another organization comes under the same id and name."""
        each = self._found(org_id)
        if each is not None:
            self.world.recreate(each, self.clock())

    def succeed(self, org_id: int, *, linked: bool) -> None:
        """A new client comes under the name of an old one, and perhaps takes its link over."""
        each = self._found(org_id)
        if each is None:
            return
        now = timestamp(self.clock())
        heir = replace(
            each,
            id=max(self.world.organizations) + 1,
            primary=False,
            psa=each.psa if linked else None,
            created_at=now,
            updated_at=now,
            removal_due=None,
        )
        self.edit(org_id, name=f"{each.name} (old)", **({"psa": None} if linked else {}))
        self.world.organizations[heir.id] = heir

    def fill(self, org_id: int, kind: str) -> None:
        """Somebody adds a record to an organization, or looks at it (`user-metrics`)."""
        if self._found(org_id) is not None:
            today = {"date": self.clock().date().isoformat()}
            self.world.add(kind, org_id, {**RECORDS[kind], **today})

    def vanish(self, org_id: int) -> None:
        """Somebody else deletes an organization."""
        each = self._found(org_id)
        if each is not None:
            each.removal_due = self.sandbox.seconds()
            self.sandbox.settle()

    def _found(self, org_id: int) -> Organization | None:
        self.sandbox.settle()
        return self.world.organizations.get(org_id)

    # -- the line --------------------------------------------------------------------------------

    async def serve(self, asked: Asked) -> httpx.Response | Exception:
        """The sandbox's answer, or what the client sees if there is none."""
        elsewhere = asked.elsewhere or self._seen.setdefault(asked.job, self.changed)
        if elsewhere:
            self.misled(asked)
            _ACTED.set(None)
        else:
            _ACTED.set(lambda: self.arriving(asked))
        sent: list[Message] = []
        received = False

        async def receive() -> Message:
            nonlocal received
            if received:
                # The client stays on the line for as long as the sandbox likes.
                await asyncio.get_running_loop().create_future()
            received = True
            return {"type": "http.request", "body": asked.body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = http_scope(asked.method, asked.path, asked.query.encode(), asked.headers)
        try:
            await (self._other if elsewhere else self._front)(scope, receive, send)
        except ConnectionAbortedError:
            return httpx.ReadError("the connection was cut")
        status, body = sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])
        return httpx.Response(status, headers=sent[0]["headers"], content=body)
