"""A person or an event that stops a deletion, against the one script that begins its call.

Either it was stopped and nothing may be sent, or the call is on its way and who came too late
hears so. Never both, never neither: thousands of times, on the real scripts.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from redis.asyncio import Redis

from adapters.errors import Conflict
from adapters.models import DeletionRequest, PsaLink
from tests.support.fault_table import Row
from tests.support.ledgers import memory_of
from workers.ledger.deleting.deletions import Begun, Change, Conditions
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry, encode_errors
from workers.ledger.store import Store
from workers.processes.queue import QUEUE_KEY

ROUNDS = 2000
# A person's no anywhere has every plan made anew, so of those only one at a time is a race.
AT_ONCE = {"cancel": 1, "reactivation": 20}
# A reactivation goes out with whatever waits beside it, so nobody knows when it arrives.
HEAD_START = {"cancel": 0.0, "reactivation": 0.003}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STOPPED = ErrorEntry("Cancelled", "stopped", "2026-11-23T12:00:00Z")

Stopping = Callable[[Ledger, Deletion], Awaitable[str]]


async def over(redis: Redis) -> Ledger:
    minute = timedelta(minutes=1)
    store = Store(
        redis,
        queue_key=QUEUE_KEY,
        lease=minute,
        requeue_after=minute,
        retention=timedelta(days=1),
        memory=await memory_of(redis),
        own_clock=True,
    )
    return Ledger(store)


@pytest.fixture
async def sides(valkey_url: str, redis: Redis) -> AsyncIterator[tuple[Ledger, Ledger]]:
    """The ledger of a worker, and that of the service, over connections of their own."""
    other = Redis.from_url(valkey_url)
    yield await over(redis), await over(other)
    await other.aclose()


async def ready(ledger: Ledger, client: str) -> Deletion:
    """A deletion of a client's event, leased, planned, and about to be begun."""
    request = DeletionRequest(
        psa=PsaLink(integration_type="manage", company_id=client), confirm_delete=True
    )
    event = {
        "event_id": f"inactive-{client}",
        "client": client,
        "kind": "request",
        "occurred_at": 1,
        "request": request.model_dump_json(exclude_none=True),
        "actor": "m",
        "deletion_id": f"del_{client}",
        "callback_url": "",
    }
    delivery = {"id": f"dlv_{client}", "source": "cw", "vendor": "connectwise", "headers": "[]"}
    await ledger.deliveries.receive(delivery=delivery, body=b"{}", events=[event], now=NOW)
    held = await ledger.deletions.lease(f"del_{client}", NOW)
    assert held is not None
    fields: dict[str, str | int] = {"step": "delete", "plan_digest": "d"}
    planned = Change(state="running", fields=fields)
    return await ledger.deletions.record(held, planned, NOW)


async def begin(ledger: Ledger, held: Deletion, asked: int) -> Begun:
    return await ledger.deletions.begin_delete(
        held,
        org_id=held.client,
        digest="d",
        resend_after=timedelta(minutes=10),
        limits=(),
        now=NOW,
        conditions=Conditions(asked=asked),
    )


async def cancel(ledger: Ledger, held: Deletion) -> str:
    """A person stops it: 409 is what the API answers to a conflict."""
    try:
        await ledger.deletions.cancel(held.id, operator="alice", error=STOPPED, now=NOW)
    except Conflict as error:
        return "too late" if error.http_status == 409 else error.code
    return "stopped"


async def reactivate(ledger: Ledger, held: Deletion) -> str:
    """The client comes back."""
    event = {
        "event_id": f"active-{held.client}",
        "client": held.client,
        "kind": "reactivated",
        "occurred_at": 2,
        "cancelled": encode_errors((STOPPED,)),
    }
    delivery = {"id": f"dlv_back_{held.client}", "source": "cw", "vendor": "connectwise"}
    (receipt,) = await ledger.deliveries.receive(
        delivery={**delivery, "headers": "[]"}, body=b"{}", events=[event], now=NOW
    )
    if receipt.verdict == "cancelled":
        return "stopped"
    assert (receipt.reason, receipt.alert) == ("too_late", "reactivated_after_call")
    return "too late"


async def race(
    worker: Ledger, service: Ledger, stop: Stopping, client: str, random: Random, ahead: float
) -> tuple[str, str]:
    """Both at once, in either order: whether the call may go out, and what the other one heard.

    Each may be up to `ahead` seconds ahead.
    """
    held = await ready(worker, client)
    asked = await worker.store.server_ms()
    begun: Begun | None = None
    heard = ""
    later = random.uniform(-ahead, ahead)

    async def one() -> None:
        nonlocal begun
        if later > 0:
            await asyncio.sleep(later)
        begun = await begin(worker, held, asked)

    async def other() -> None:
        nonlocal heard
        if later < 0:
            await asyncio.sleep(-later)
        heard = await stop(service, held)

    both = [one, other]
    random.shuffle(both)
    await asyncio.gather(*(each() for each in both))
    assert begun is not None
    state = (await worker.deletions.get(held.id)).state
    assert state == ("cancelled" if heard == "stopped" else "running")
    return begun.decision, heard


@pytest.mark.parametrize("stop", [cancel, reactivate], ids=["cancel", "reactivation"])
async def test_either_stopped_or_sent(
    sides: tuple[Ledger, Ledger], stop: Stopping, request: pytest.FixtureRequest
) -> None:
    random = Random(5)  # noqa: S311 - the order of two calls
    outcomes: Counter[tuple[str, str]] = Counter()
    case = request.node.callspec.id
    at_once, ahead = AT_ONCE[case], HEAD_START[case]
    for first in range(0, ROUNDS, at_once):
        clients = (str(first + number) for number in range(at_once))
        outcomes.update(
            await asyncio.gather(*(race(*sides, stop, client, random, ahead) for client in clients))
        )
    sent, stopped = ("begun", "too late"), ("fenced", "stopped")
    wrong = outcomes.total() - outcomes[sent] - outcomes[stopped]
    Row("race", f"{case} against begin_delete", ROUNDS, 0, wrong).add_to(request.node)
    assert wrong == 0, outcomes
    # Otherwise it was no race.
    assert min(outcomes[sent], outcomes[stopped]) > ROUNDS // 20, outcomes
