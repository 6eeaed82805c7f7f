"""The pipeline against the sandbox and a real Valkey, with a clock that the test moves."""

import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, Self

import httpx

from adapters.models import DeletionRequest
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.in_process import URL, InProcess
from tests.support.stateful.account import RECORDS
from workers.itglue.budget import KeyWatch, Throttle
from workers.itglue.client import ITGlue
from workers.itglue.http.transport import Hooks
from workers.itglue.models import KINDS
from workers.ledger.events.deliveries import Receipt
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.advance import advance
from workers.pipeline.result import result_of
from workers.pipeline.steps.outcome import Context
from workers.settings import Settings
from workers.times.clock import to_ms

KEY = "ITG.sandbox"
CONNECTWISE = {
    "vendor": "connectwise",
    "host": "na.myconnectwise.net",
    "company": "Cobalt",
    "inactive_statuses": ["Inactive"],
    "confirm_delete": True,
}
TEST_COMPANY = "301"
# What most rehearsals are not about: they begin at once, and the sandbox's contacts may go.
RELAXED: Mapping[str, Any] = {
    "grace_period": "0s",
    "dependency_limits": {
        **dict.fromkeys(KINDS, "unlimited"),
        **dict.fromkeys(("assets", "configs", "documents"), 0),
    },
}
NO_LIMITS: Mapping[str, str] = dict.fromkeys(KINDS, "unlimited")


@dataclass
class Rehearsal:
    """Ask, advance, look. Use as an async context manager."""

    ledger: Ledger
    clock: TestClock
    sandbox: SandboxSettings
    policy: Mapping[str, Any]
    in_front: Callable[[Any], Any] | None = None  # of the sandbox, as an ASGI app
    _number: int = 0

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        app = create_sandbox(self.sandbox, clock=lambda: self.clock().timestamp(), now=self.clock)
        self.account = app.state.sandbox
        self.world = app.state.sandbox.world
        self.url = URL
        self.wire = InProcess(self.in_front(app) if self.in_front else app)
        self.http = await self._stack.enter_async_context(
            httpx.AsyncClient(base_url=self.url, transport=self.wire)
        )
        self.settings = self.configured(**self.policy)
        self.context = await self.connect()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    def configured(self, **policy: Any) -> Settings:
        return Settings(
            itglue={"base_url": self.url, "api_key": KEY},
            policy={"export": False, **RELAXED, **policy},
            sources={"cw": CONNECTWISE},
        )

    async def connect(self, api_key: str = KEY) -> Context:
        """A worker's context."""
        throttle = Throttle(
            self.ledger.budget, self.settings.itglue.requests_per_5_minutes, self.clock
        )
        itglue = await self._stack.enter_async_context(
            ITGlue.connect(
                base_url=self.url,
                api_key=api_key,
                wire=self.wire,
                timeout_seconds=5,
                hooks=Hooks(
                    throttle.before_request,
                    throttle.after_answer,
                    KeyWatch(self.ledger.stop_switch, self.clock).key_judged,
                ),
            )
        )
        return Context(
            ledger=self.ledger,
            itglue=itglue,
            settings=self.settings,
            clock=self.clock,
            random=Random(7),  # noqa: S311 - jitter
        )

    def reconfigure(self, **policy: Any) -> None:
        """Change the policy of the worker."""
        self.set_settings(self.configured(**{**self.policy, **policy}))

    def set_settings(self, settings: Settings) -> None:
        """Start the worker with these settings."""
        self.settings = settings
        self.context = replace(self.context, settings=settings)

    # -- asking ----------------------------------------------------------------------------------

    async def ask(self, **fields: Any) -> str:
        """A deletion by the API."""
        self._number += 1
        request = DeletionRequest(**{"confirm_delete": True, **fields})
        deletion_id, _ = await self.ledger.deletions.create(
            deletion_id=f"del_api{self._number}",
            request=request,
            operator="alice",
            callback_url="",
            idempotency_key=None,
            now=self.clock(),
            mode=self.settings.policy.mode,
        )
        return deletion_id

    async def event(self, *, active: bool = False, company: str = "2", **fields: Any) -> Receipt:
        """An event of a ConnectWise source, as the intake hands it on."""
        self._number += 1
        # No two events are of one moment.
        event: dict[str, Any] = {"event_id": f"e{self._number}", "client": company}
        event["occurred_at"] = to_ms(self.clock()) + self._number
        if active:
            cancelled = ErrorEntry("Cancelled", "the client is active again", "")
            event |= {"kind": "reactivated", "cancelled": f"[{_json(cancelled.plain())}]"}
        else:
            link = {"integration_type": "manage", "company_id": company}
            named = {"org_name": self.linked_to(company), "psa": link, "confirm_delete": True}
            request = DeletionRequest(**{**named, **fields})
            event |= {
                "kind": "request",
                "request": request.model_dump_json(exclude_none=True),
                "actor": "m",
                "deletion_id": f"del_hook{self._number}",
                "callback_url": "",
            }
        delivery = {"id": f"dlv_{self._number}", "source": "cw", "vendor": "connectwise"}
        (receipt,) = await self.ledger.deliveries.receive(
            delivery={**delivery, "headers": "[]"}, body=b"{}", events=[event], now=self.clock()
        )
        return receipt

    def linked_to(self, company: str) -> str | None:
        """What the organization is called that is linked to this company."""
        return next(
            (
                each.name
                for each in self.world.organizations.values()
                if each.psa is not None and each.psa.company_id == company
            ),
            None,
        )

    # -- acting ----------------------------------------------------------------------------------

    async def advance(self, deletion_id: str) -> Deletion:
        """One job."""
        await advance(deletion_id, self.context)
        return await self.ledger.deletions.get(deletion_id)

    async def run(self, deletion_id: str, *, most: timedelta = timedelta(days=2)) -> dict[str, Any]:
        """Jobs until the end, moving the clock to each due time; the result."""
        stop = self.clock() + most
        while True:
            deletion = await self.advance(deletion_id)
            if deletion.terminal:
                return result_of(deletion)
            assert self.clock() < stop, f"{deletion_id} is still {deletion.state}"
            self.clock.now = max(deletion.ready_at, self.clock() + timedelta(milliseconds=1))

    async def replay(
        self, deletion_id: str, token: str = "", *, operator: str = "bob", overrule: bool = True
    ) -> int | None:
        """Somebody has a deletion begun anew; each time, unless it is said again by its token."""
        self._number += 1
        url = "https://rewst.example.com/hook"
        return await self.ledger.deletions.replay(
            deletion_id, operator=operator, token=token or f"t{self._number}", callback_url=url,
            overrule=overrule, now=self.clock(),
        )  # fmt: skip

    # -- looking ---------------------------------------------------------------------------------

    async def deletes(self) -> list[dict[str, Any]]:
        """The DELETEs that reached the sandbox."""
        requests: list[dict[str, Any]] = (await self.http.get("/_sandbox/requests")).json()[
            "requests"
        ]
        return [entry for entry in requests if entry["method"] == "DELETE"]

    async def exists(self, org_id: str) -> bool:
        answer = await self.http.get(f"/organizations/{org_id}", headers={"x-api-key": KEY})
        return answer.status_code == 200

    async def change(self, org_id: str, **attributes: Any) -> None:
        """Somebody edits an organization in IT Glue."""
        answer = await self.http.post(f"/_sandbox/organizations/{org_id}", json=attributes)
        answer.raise_for_status()

    def fill(self, org_id: str, kind: str, count: int = 1) -> None:
        """Somebody adds records to an organization; with a count of 0 they are all gone."""
        if not count:
            del self.world.records[kind][int(org_id)]
        for _ in range(count):
            self.world.add(kind, int(org_id), dict(RECORDS[kind]))

    async def journal(self, deletion_id: str) -> list[str]:
        return [entry["entry"] for entry in (await self.ledger.views.of(deletion_id)).journal]


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(value)
