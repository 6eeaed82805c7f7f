"""The vendor's key server does not answer: kept within bounds, verified later, or dropped."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import SignatureInvalid, SigningKeyUnavailable
from adapters.headers import Headers
from adapters.registry import VENDORS
from tests.support.clock import TestClock
from workers.intake import QUARANTINE_LASTS, Intake
from workers.ledger import quarantine
from workers.ledger.deletions import Change
from workers.ledger.ledger import Ledger
from workers.signing_keys import SigningKeys

KEY = "the key"
CONFIG = ConnectWiseConfig(
    vendor="connectwise",
    host="na.myconnectwise.net",
    company="Cobalt",
    key_origin="http://127.0.0.1:9",
    confirm_delete=True,
)


class Keys(SigningKeys):
    """A key server in the test's hand: what cannot be had is a vendor that is down."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: str | type[Exception] = SigningKeyUnavailable

    async def get(self, url: str, *, refresh: bool = False) -> str:
        del url, refresh
        if isinstance(self.answer, str):
            return self.answer
        raise self.answer("as told")


@asynccontextmanager
async def intake(ledger: Ledger, clock: TestClock, keys: Keys) -> AsyncIterator[Intake]:
    numbers = iter(range(10_000))
    yield Intake(
        sources={"cw": CONFIG},
        deliveries=ledger.deliveries,
        quarantine=ledger.quarantine,
        keys=keys,
        callback_url=None,
        max_event_age=timedelta(days=7),
        clock=clock,
        new_id=lambda kind: f"{kind}_{next(numbers)}",
    )


def delivery(message: str = "m1", **changes: Any) -> tuple[Headers, bytes]:
    entity = {"id": 2, "name": "TestCompany", "status": {"id": 2, "name": "Inactive"}}
    key_url = f"{CONFIG.key_origin}/system/callbackkey/index.rails?companyName=Cobalt&id=1"
    envelope = {
        "Action": "updated",
        "Type": "company",
        "ID": 2,
        "CompanyId": "Cobalt",
        "MessageId": message,
        "Entity": json.dumps(entity),
        "Metadata": {"key_url": key_url},
        **changes,
    }
    body = json.dumps(envelope).encode()
    now = TestClock()()
    return Headers.of(VENDORS["connectwise"].sign(CONFIG, body, KEY, "", now)), body


async def test_kept_then_verified_then_a_deletion(ledger: Ledger, clock: TestClock) -> None:
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
        assert (kept.strongest.verdict, kept.strongest.deletion_id) == ("unverified", None)
        again = await it.accept("cw", *delivery())
        assert again.delivery_id == kept.delivery_id
        assert await ledger.quarantine.take_due(clock()) == []
        ((due, _),) = await ledger.quarantine.take_due(clock.forward(seconds=11))
        assert due == kept.delivery_id
        assert await it.release(due) is None

        keys.answer = KEY
        clock.forward(hours=1)
        released = await it.release(due)
        assert released is not None
        assert released.delivery_id == kept.delivery_id
        assert released.strongest.verdict == "accepted"
        assert (await ledger.deliveries.get(due)).verdict == "accepted"
        assert await it.release(due) is None
        assert await ledger.quarantine.take_due(clock.forward(days=1)) == []


@pytest.mark.parametrize(
    ("answer", "later", "reason"),
    [
        (SigningKeyUnavailable, QUARANTINE_LASTS, "never_verifiable"),
        (SignatureInvalid, timedelta(0), "not_genuine"),
        ("another key", timedelta(0), "not_genuine"),
    ],
)
async def test_dropped_with_an_audit_entry(
    ledger: Ledger,
    clock: TestClock,
    answer: str | type[Exception],
    later: timedelta,
    reason: str,
) -> None:
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
        keys.answer = answer
        clock.now += later
        assert await it.release(kept.delivery_id) is None

        assert await ledger.store.hash("delivery", kept.delivery_id) == {}
        pending: Any = await ledger.store.redis.xrevrange(
            ledger.store.key("audit", "pending"), count=1
        )
        entry = json.loads(pending[0][1][b"entry"])
        assert (entry["what"], entry["reason"]) == ("delivery_dropped", reason)


async def test_nothing_is_deleted_while_an_event_of_the_source_is_unproved(
    ledger: Ledger, clock: TestClock
) -> None:
    keys = Keys()
    keys.answer = KEY
    async with intake(ledger, clock, keys) as it:
        asked = await it.accept("cw", *delivery("m1"))
        deletion_id = str(asked.strongest.deletion_id)
        keys.answer = SigningKeyUnavailable
        active = json.dumps({"id": 2, "name": "TestCompany", "status": {"id": 1, "name": "Active"}})
        kept = await it.accept("cw", *delivery("m2", Entity=active))
        held = await ledger.deletions.lease(deletion_id, clock())
        assert held is not None
        planned = Change(state="running", fields={"step": "delete", "plan_digest": "d"})
        held = await ledger.deletions.record(held, planned, clock())
        begun = await ledger.deletions.begin_delete(
            held, org_id="5", digest="d", resend_after=timedelta(minutes=10), limits=(), now=clock()
        )
        assert begun.decision == "unproved_events"

        keys.answer = KEY
        released = await it.release(kept.delivery_id)
        assert released is not None
        assert released.strongest.verdict == "cancelled"


async def test_it_is_bounded_and_room_comes_back(
    ledger: Ledger, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_DELIVERIES", 3)
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = [await it.accept("cw", *delivery(f"m{number}")) for number in range(3)]
        with pytest.raises(SigningKeyUnavailable):
            await it.accept("cw", *delivery("m3"))
        keys.answer = SignatureInvalid
        await it.release(kept[0].delivery_id)
        keys.answer = SigningKeyUnavailable
        assert (await it.accept("cw", *delivery("m3"))).strongest.verdict == "unverified"


async def test_its_bytes_are_bounded_too(
    ledger: Ledger, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_BYTES", 3000)
    async with intake(ledger, clock, Keys()) as it:
        await it.accept("cw", *delivery("m1", Padding="x" * 2000))
        with pytest.raises(SigningKeyUnavailable):
            await it.accept("cw", *delivery("m2", Padding="x" * 2000))


async def test_a_forgery_without_a_pinned_key_is_not_kept(ledger: Ledger, clock: TestClock) -> None:
    foreign = {"key_url": "https://evil.example/system/callbackkey/index.rails?companyName=Cobalt"}
    async with intake(ledger, clock, Keys()) as it:
        with pytest.raises(SignatureInvalid):
            await it.accept("cw", *delivery(Metadata=foreign))
    assert await ledger.quarantine.take_due(clock.forward(days=1)) == []


async def test_what_ends_its_workers_is_tried_less_and_dropped_in_the_end(
    ledger: Ledger, clock: TestClock
) -> None:
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
        tries = 0
        for _ in range(4):
            clock.forward(minutes=1)
            assert [name for name, _ in await ledger.quarantine.take_due(clock())] != []
            # The worker is gone before it can say anything.
            assert await ledger.quarantine.take(kept.delivery_id, clock(), QUARANTINE_LASTS)
            tries += 1
        clock.forward(minutes=58)
        assert await ledger.quarantine.take_due(clock()) == []
        began = clock()
        while await ledger.store.redis.hlen("unglue:quarantine:cw"):
            clock.forward(minutes=61)
            tries += await ledger.quarantine.take(kept.delivery_id, clock(), QUARANTINE_LASTS)
        assert tries < 30
        assert clock() - began <= QUARANTINE_LASTS + timedelta(hours=1)
        assert await ledger.store.redis.zcard("unglue:notices:due") == 1
        assert await ledger.quarantine.take_due(clock.forward(days=1)) == []


async def test_who_comes_back_is_no_death(ledger: Ledger, clock: TestClock) -> None:
    """A key server that is away for hours is no poison: it is asked for as before."""
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
        for _ in range(9):
            clock.forward(minutes=1)
            assert await it.release(kept.delivery_id) is None
        keys.answer = KEY
        clock.forward(minutes=9)
        released = await it.release(kept.delivery_id)
        assert released is not None
        assert released.strongest.verdict == "accepted"
