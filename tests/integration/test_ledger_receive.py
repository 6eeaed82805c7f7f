"""Receiving: durable, deduplicated, ordered by the register, in one step."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from adapters.errors import Conflict
from tests.support.clock import TestClock
from tests.support.deletions import cancelled
from workers.ledger.deleting.deletions import Change
from workers.ledger.events.deliveries import Receipt
from workers.ledger.ledger import Ledger
from workers.times.clock import rfc3339, to_ms

_numbers = count(1)
REQUEST = '{"psa":{"integration_type":"manage","company_id":"2"}}'


class Sender:
    """Sends events about one client."""

    def __init__(self, ledger: Ledger, clock: TestClock) -> None:
        self.ledger = ledger
        self.clock = clock

    async def send(self, *events: dict[str, Any]) -> tuple[Receipt, ...]:
        self.newest = f"dlv_{next(_numbers)}"
        delivery = {"id": self.newest, "source": "cw", "vendor": "connectwise", "headers": "[]"}
        return await self.ledger.deliveries.receive(
            delivery=delivery, body=b"\xff{}", events=events, now=self.clock()
        )

    async def inactive(self, event_id: str | None = None, at: datetime | None = None) -> Receipt:
        (receipt,) = await self.send(inactive(event_id, at))
        return receipt

    async def active(self, event_id: str | None = None, at: datetime | None = None) -> Receipt:
        (receipt,) = await self.send(active(event_id, at))
        return receipt


def inactive(event_id: str | None = None, at: datetime | None = None) -> dict[str, Any]:
    number = next(_numbers)
    event = {
        "kind": "request", "event_id": event_id or f"e{number}", "client": "2",
        "request": REQUEST, "actor": "m", "deletion_id": f"del_{number}", "callback_url": "",
    }  # fmt: skip
    return event | ({"occurred_at": to_ms(at)} if at else {})


def active(event_id: str | None = None, at: datetime | None = None) -> dict[str, Any]:
    event = {
        "kind": "reactivated", "event_id": event_id or f"e{next(_numbers)}", "client": "2",
        "cancelled": '[{"code":"Cancelled","message":"m","timestamp":"t"}]',
    }  # fmt: skip
    return event | ({"occurred_at": to_ms(at)} if at else {})


@pytest.fixture
def sender(ledger: Ledger, clock: TestClock) -> Sender:
    return Sender(ledger, clock)


async def test_inactive_makes_a_deletion(sender: Sender, ledger: Ledger, clock: TestClock) -> None:
    receipt = await sender.inactive()

    assert (receipt.verdict, receipt.reason) == ("accepted", "created")
    assert receipt.deletion_id is not None
    deletion = await ledger.deletions.get(receipt.deletion_id)
    assert (deletion.state, deletion.source, deletion.client) == ("queued", "cw", "2")
    assert (await ledger.deletions.hand_out(clock())).jobs == []
    assert (await ledger.deletions.hand_out(clock.forward(seconds=31))).jobs == [(deletion.id, 2)]


async def test_the_same_event_is_a_duplicate_and_names_the_same_deletion(sender: Sender) -> None:
    first = await sender.inactive("same")
    second = await sender.inactive("same")

    assert (second.verdict, second.deletion_id) == ("duplicate", first.deletion_id)


async def test_the_same_call_again_answers_the_same(ledger: Ledger, clock: TestClock) -> None:
    delivery = {"id": "dlv_lost", "source": "cw", "vendor": "connectwise", "headers": "[]"}
    event = inactive()
    answers = [
        await ledger.deliveries.receive(delivery=delivery, body=b"{}", events=[event], now=clock())
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert answers[0][0].verdict == "accepted"


@pytest.mark.parametrize(
    "otherwise",
    [{"confirm_delete": True}, {"dry_run": True}, {"org_id": "5"}, {"force_delete": True}],
)
async def test_only_the_same_is_joined(sender: Sender, otherwise: dict[str, Any]) -> None:
    first = await sender.inactive()
    asked = json.dumps(json.loads(REQUEST) | otherwise)
    (second,) = await sender.send({**inactive(), "request": asked})
    assert (second.verdict, second.reason) == ("accepted", "created")
    assert second.deletion_id != first.deletion_id
    # Why it is asked for makes no other request of it.
    again = json.dumps(json.loads(asked) | {"reason": "in other words"})
    (third,) = await sender.send({**inactive(), "request": again})
    assert third.reason == ("created" if "dry_run" in otherwise else "joined")


async def test_active_after_inactive_cancels(sender: Sender, ledger: Ledger) -> None:
    first = await sender.inactive()
    second = await sender.active()

    assert (second.verdict, second.deletion_id) == ("cancelled", first.deletion_id)
    deletion = await ledger.deletions.get(str(first.deletion_id))
    assert (deletion.state, deletion.errors[0].code) == ("cancelled", "Cancelled")


async def test_an_older_inactive_that_is_late_is_stale(sender: Sender, clock: TestClock) -> None:
    await sender.active(at=clock() - timedelta(minutes=1))
    receipt = await sender.inactive(at=clock() - timedelta(minutes=2))

    assert (receipt.verdict, receipt.reason) == ("ignored", "stale")


@pytest.mark.parametrize("first", [inactive, active])
async def test_of_two_events_of_the_same_second_a_person_says_which_was_the_last(
    sender: Sender, ledger: Ledger, clock: TestClock, first: Callable[..., dict[str, Any]]
) -> None:
    moment = clock() - timedelta(minutes=1)
    (before,) = await sender.send(first(at=moment))
    (second,) = await sender.send((active if first is inactive else inactive)(at=moment))

    verdict = ("ignored", "order_unknown") if first is inactive else ("accepted", "created")
    assert (second.verdict, second.reason) == verdict
    assert before.deletion_id in {None, second.deletion_id}
    doubts = (await ledger.store.hash("deletion", str(second.deletion_id)))["doubts"]
    assert doubts.partition("@")[0].strip('[]"') == "order_unknown"


async def test_what_a_clock_ahead_claimed_ends_with_the_next_word(
    sender: Sender, ledger: Ledger, clock: TestClock
) -> None:
    """It is left out where there is none, and must not be taken for that of a later word."""
    names = (b"inactive_claims", b"signed_inactive_claims")
    at = clock()
    claims = to_ms(at + timedelta(hours=1))
    await sender.send(inactive(at=at) | {"claims": claims})
    register = ledger.store.key("register", "cw", "2")
    assert await ledger.store.redis.hmget(register, *names) == [str(claims).encode()] * 2
    await sender.inactive(at=at + timedelta(minutes=1))
    assert await ledger.store.redis.hmget(register, *names) == [b"0"] * 2
    receipt = await sender.active(at=at + timedelta(minutes=2))
    assert receipt.verdict == "cancelled"

    await ledger.store.redis.delete(register)
    await sender.inactive(at=at + timedelta(minutes=3))
    assert await ledger.store.redis.hmget(register, *names) == [None, None]
    assert (await sender.active(at=at + timedelta(minutes=4))).verdict == "cancelled"


async def test_a_late_active_is_no_change(sender: Sender, ledger: Ledger, clock: TestClock) -> None:
    first = await sender.inactive(at=clock() - timedelta(minutes=1))
    second = await sender.active(at=clock() - timedelta(minutes=2))

    assert (second.verdict, second.reason) == ("ignored", "stale")
    assert (await ledger.deletions.get(str(first.deletion_id))).state == "queued"


async def test_an_unsigned_time_beats_no_reactivation(sender: Sender, clock: TestClock) -> None:
    await sender.inactive()
    receipt = await sender.active(at=clock() - timedelta(minutes=2))

    assert receipt.verdict == "cancelled"


async def test_inactive_again_is_a_new_deletion(sender: Sender, clock: TestClock) -> None:
    first = await sender.inactive()
    await sender.active()
    clock.forward(seconds=1)
    third = await sender.inactive()

    assert (third.verdict, third.reason) == ("accepted", "created")
    assert third.deletion_id != first.deletion_id


async def _end(ledger: Ledger, deletion_id: str, state: str, now: datetime) -> None:
    held = await ledger.deletions.lease(deletion_id, now)
    assert held is not None
    await ledger.deletions.record(held, Change(state=state), now)


async def test_deleted_ignores_events(sender: Sender, ledger: Ledger, clock: TestClock) -> None:
    first = await sender.inactive()
    await _end(ledger, str(first.deletion_id), "deleted", clock())

    second = await sender.inactive()
    assert (second.verdict, second.reason) == ("ignored", "already_deleted")
    third = await sender.active()
    assert (third.reason, third.alert) == ("client_active", "reactivated_after_deletion")
    clock.forward(seconds=1)
    fourth = await sender.inactive()
    assert (fourth.verdict, fourth.reason) == ("accepted", "created")


@pytest.mark.parametrize("answered", ["open", "accepted", "refused"])
async def test_a_client_that_comes_back_after_an_unverified_call_alarms_once(
    sender: Sender, ledger: Ledger, clock: TestClock, answered: str
) -> None:
    """The deletion was given up, but IT Glue may have carried its call out, or may yet do so."""
    first = await sender.inactive()
    held = await ledger.deletions.lease(str(first.deletion_id), clock())
    assert held is not None
    sent = {"intent_state": answered, "intent_kind": "delete", "intent_org": "5"}
    await ledger.deletions.record(held, Change(state="failed", fields=sent), clock())

    second = await sender.active()
    late = ("too_late", "reactivated_after_call", first.deletion_id)
    expected = ("client_active", None, None) if answered == "refused" else late
    assert (second.reason, second.alert, second.deletion_id) == expected
    journal = [line["entry"] for line in (await ledger.views.of(held.id)).journal]
    assert journal.count("reactivated_too_late") == (answered != "refused")
    assert (await ledger.deletions.get(held.id)).state == "failed"
    third = await sender.active()
    assert (third.reason, third.alert) == ("client_active", None)


async def test_blocked_ones_are_retried(sender: Sender, ledger: Ledger, clock: TestClock) -> None:
    first = await sender.inactive()
    await _end(ledger, str(first.deletion_id), "blocked", clock())

    second = await sender.inactive()
    assert (second.verdict, second.reason) == ("accepted", "created")


async def test_cancelled_ignores_events(sender: Sender, ledger: Ledger, clock: TestClock) -> None:
    first = await sender.inactive()
    await cancelled(ledger, str(first.deletion_id), clock())

    second = await sender.inactive()
    assert (second.verdict, second.reason) == ("ignored", "cancelled_by_operator")
    with pytest.raises(Conflict, match="has ended"):
        await cancelled(ledger, str(first.deletion_id), clock(), "alice")


async def test_a_batch_is_received_as_one(sender: Sender) -> None:
    ignored = {"kind": "ignored", "event_id": "i1", "reason": "other_entity"}
    receipts = await sender.send(ignored, inactive("b1"), inactive("b1"))

    assert [receipt.verdict for receipt in receipts] == ["ignored", "accepted", "duplicate"]


async def test_client_names_cannot_reach_another_key(sender: Sender) -> None:
    event = inactive() | {"client": "2:x\r\n*"}
    (receipt,) = await sender.send(event)

    assert receipt.verdict == "accepted"
    other = await sender.inactive()
    assert other.reason == "created"


async def test_open_deletions_have_scores(sender: Sender, ledger: Ledger, clock: TestClock) -> None:
    receipt = await sender.inactive()
    deletion_id = str(receipt.deletion_id)
    score: Callable[[], Any] = lambda: ledger.store.redis.zscore(  # noqa: E731 - read thrice
        ledger.store.key("due"), deletion_id
    )
    assert await score() == to_ms(clock()) + 30_000
    held = await ledger.deletions.lease(deletion_id, clock())
    assert held is not None
    assert await score() == to_ms(clock()) + 60_000
    waiting = Change(state="retrying", ready_at=clock() + timedelta(seconds=5))
    await ledger.deletions.record(held, waiting, clock())
    assert await score() == to_ms(clock()) + 5_000
    await _end(ledger, deletion_id, "failed", clock.forward(seconds=6))
    assert await score() is None
    newest = (await ledger.views.of(deletion_id)).journal[-1]
    assert newest == {"entry": "ended", "state": "failed", "at": rfc3339(clock())}


def counted(number: int) -> dict[str, Any]:
    reason = {"kind": "ignored", "reason": "other_entity"}
    return {"event_id": f"n{number}", "counter": "guid", "number": number, **reason}


async def test_a_gap_in_a_senders_counter_is_noticed(sender: Sender, ledger: Ledger) -> None:
    seen = []
    for number in (41, 42, 45, 44, 45, 46):
        (receipt,) = await sender.send(counted(number))
        seen.append((receipt.verdict, receipt.alert, receipt.missing))

    assert seen == [
        ("ignored", None, None),
        ("ignored", None, None),
        ("ignored", "sequence_gap", 2),
        ("ignored", None, None),
        ("duplicate", None, None),
        ("ignored", None, None),
    ]
    activity = await ledger.sources.activity("cw")
    assert set(activity.alerts) == {"sequence_gap"}
    assert activity.verdicts == {"ignored": 5, "duplicate": 1}
