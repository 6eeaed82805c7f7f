"""The script that grants the call asks what the plan asked, and does not trust that it did."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.models import DeletionRequest
from tests.integration.test_ledger_pipeline import RESEND_AFTER, ask, begin
from tests.support.clock import TestClock
from tests.support.deletions import cancelled
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.times.clock import to_ms

PLANNED: dict[str, str | int] = {
    "step": "delete",
    "plan_digest": "d",
    "watch": '[["std", "org:5", "0", ""]]',
    "plan_forms": '["org:5", "name:five"]',
}


@dataclass
class Granting:
    """A webhook's deletion that is about to be begun."""

    ledger: Ledger
    clock: TestClock
    redis: Redis
    held: Deletion

    async def begin(self, org: str = "5") -> str:
        return (await begin(self.ledger, self.clock, self.held, org=org)).decision

    async def say(self, name: str, **said: Any) -> None:
        fields: dict[Any, Any] = said
        await self.redis.hset(f"unglue:{name}", mapping=fields)


async def _taken(ledger: Ledger, clock: TestClock) -> Deletion:
    held = await ledger.deletions.lease("del_1", clock())
    assert held is not None
    return await ledger.deletions.record(held, Change(state="running", fields=PLANNED), clock())


@pytest.fixture
async def it(ledger: Ledger, clock: TestClock, redis: Redis) -> Granting:
    asked = DeletionRequest(org_id="5", confirm_delete=True).model_dump_json(exclude_none=True)
    event = {
        "event_id": "e1", "kind": "request", "client": "7", "request": asked, "actor": "",
        "occurred_at": to_ms(clock()), "deletion_id": "del_1", "callback_url": "",
    }  # fmt: skip
    delivery = {"id": "dlv_1", "source": "cw", "vendor": "connectwise", "headers": "[]"}
    await ledger.deliveries.receive(delivery=delivery, body=b"{}", events=[event], now=clock())
    return Granting(ledger, clock, redis, await _taken(ledger, clock))


async def test_where_nothing_stands_in_its_way_it_is_granted(it: Granting) -> None:
    assert await it.begin() == "begun"


async def _a_no(it: Granting, org_id: str) -> None:
    await ask(it.ledger, it.clock, "del_2", org_id=org_id)
    await it.say("deletion:del_2", forms=f'["org:{org_id}"]')
    await cancelled(it.ledger, "del_2", it.clock())


SAID: dict[str, tuple[Callable[[Granting], Awaitable[None]], str]] = {
    "its client is active": (lambda it: it.say("register:cw:7", state="active"), "reactivated"),
    "its client was active": (lambda it: it.say("register:cw:7", epoch=1), "reactivated"),
    "its source is not believed yet": (
        lambda it: it.say("quarantine:cw", digest="dlv_9"),
        "unproved_events",
    ),
    "nor is one that may know it": (
        lambda it: it.say("quarantine:std", digest="dlv_9"),
        "unproved_events",
    ),
    "there is a doubt": (lambda it: it.say("deletion:del_1", doubts='["x"]'), "plan_moved"),
    "another source says that it is active": (
        lambda it: it.say("register:std:org:5", state="active"),
        "plan_moved",
    ),
    "for another source it was active": (
        lambda it: it.say("register:std:org:5", epoch=1),
        "plan_moved",
    ),
    "a person says no": (lambda it: _a_no(it, "5"), "plan_moved"),
    "a person says no to another one": (lambda it: _a_no(it, "6"), "begun"),
}


@pytest.mark.parametrize("said", SAID)
async def test_what_was_said_since_the_plan(it: Granting, said: str) -> None:
    says, decision = SAID[said]
    await says(it)
    assert await it.begin() == decision


async def test_a_call_is_repeated_for_the_same_organization_only(it: Granting) -> None:
    assert await it.begin() == "begun"
    it.clock.now += RESEND_AFTER + timedelta(minutes=2)
    it.held = await _taken(it.ledger, it.clock)
    assert await it.begin(org="6") == "moved_on"
    assert await it.begin() == "begun"
