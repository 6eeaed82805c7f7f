"""The vendor's key server does not answer: kept within bounds until it is proved."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import SignatureInvalid, SigningKeyUnavailable
from adapters.halopsa.config import HaloPSAConfig
from adapters.headers import Headers
from adapters.registry import VENDORS
from tests.support.clock import TestClock
from tests.support.deletions import begun
from tests.support.ledgers import notices
from workers.intake.intake import Intake
from workers.intake.signing_keys import SigningKeys
from workers.ledger.deleting.deletions import Change
from workers.ledger.events import quarantine
from workers.ledger.ledger import Ledger
from workers.ledger.listing import Page
from workers.processes.duties import duties
from workers.processes.queue import JobQueue
from workers.settings import Settings
from workers.times.clock import rfc3339

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
async def intake(
    ledger: Ledger, clock: TestClock, keys: Keys, sources: Mapping[str, Any] | None = None
) -> AsyncIterator[Intake]:
    numbers = iter(range(10_000))
    yield Intake(
        sources={"cw": CONFIG} if sources is None else sources,
        deliveries=ledger.deliveries,
        quarantine=ledger.quarantine,
        keys=keys,
        callback_url=None,
        max_event_age=timedelta(days=7),
        clock=clock,
        new_id=lambda kind: f"{kind}_{next(numbers)}_{int(clock().timestamp())}",
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


@pytest.mark.parametrize("answer", [SignatureInvalid, "another key"])
async def test_what_is_not_genuine_is_dropped_with_an_audit_entry(
    ledger: Ledger, clock: TestClock, answer: str | type[Exception]
) -> None:
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
        keys.answer = answer
        assert await it.release(kept.delivery_id) is None

        assert await ledger.store.hash("delivery", kept.delivery_id) == {}
        assert await ledger.store.redis.zcard("unglue:deliveries") == 0
        pending: Any = await ledger.store.redis.xrevrange(
            ledger.store.key("audit", "pending"), count=1
        )
        entry = json.loads(pending[0][1][b"entry"])
        assert (entry["what"], entry["reason"]) == ("delivery_dropped", "not_genuine")


async def listed(ledger: Ledger, verdict: str = "unverified") -> list[str]:
    page = await ledger.listing.deliveries(Page(50, state=verdict))
    return [each.id for each in page.records]


async def test_no_clock_ends_it(ledger: Ledger, clock: TestClock) -> None:
    """Thirty days without the key server: it is there, listed, told of, and then it counts."""
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
        tries = 0
        for _ in range(30 * 24 + 12):
            clock.forward(hours=1)
            for due, _ in await ledger.quarantine.take_due(clock()):
                assert await it.release(due) is None
                tries += 1
        assert tries >= 30 * 12  # hardly less than hourly
        assert await listed(ledger) == [kept.delivery_id]
        assert await ledger.store.redis.hlen("unglue:quarantine:cw") == 1

        keys.answer = KEY
        released = await it.release(kept.delivery_id)
        assert released is not None
        assert released.strongest.verdict == "accepted"
        assert (await listed(ledger), await listed(ledger, "accepted")) == ([], [kept.delivery_id])


@pytest.mark.parametrize(
    "sources",
    [
        {},
        {
            "cw": HaloPSAConfig(
                vendor="halopsa", auth="bearer", secrets=("what halo knows, and we",)
            )
        },
    ],
)
async def test_a_source_is_away(ledger: Ledger, clock: TestClock, sources: dict[str, Any]) -> None:
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
    keys.answer = KEY
    async with intake(ledger, clock, keys, sources) as it:
        clock.forward(hours=26)
        assert await it.release(kept.delivery_id) is None
        assert await listed(ledger) == [kept.delivery_id]
        assert await notices(ledger, "unproved_event") != []
    async with intake(ledger, clock, keys) as it:
        released = await it.release(kept.delivery_id)
        assert released is not None
        assert released.strongest.verdict == "accepted"


async def test_told_after_a_quarter_hour(ledger: Ledger, clock: TestClock, valkey_url: str) -> None:
    settings, queue = Settings(itglue={"api_key": "k"}), JobQueue(valkey_url)
    (duty,) = [each for each in duties(settings, ledger, queue) if each.name == "unproved"]
    async with intake(ledger, clock, Keys()) as it:
        kept = await it.accept("cw", *delivery())
        await it.accept("cw", *delivery("m2"))
        await duty.run(clock.forward(minutes=14))
        assert await notices(ledger, "unproved_event") == []
        await duty.run(clock.forward(minutes=1))
        await duty.run(clock.forward(minutes=1))
        (told,) = await notices(ledger, "unproved_event")
        assert told == {
            "source": "cw", "delivery_id": kept.delivery_id, "waiting": 2, "minutes": 15,
            "kind": "unproved_event",
        }  # fmt: skip


async def test_nothing_is_deleted_while_one_is_unproved(ledger: Ledger, clock: TestClock) -> None:
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
        assert (await begun(ledger, held, clock())).decision == "unproved_events"

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


async def test_it_is_bounded(
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


async def test_what_ends_its_workers_is_tried_less(ledger: Ledger, clock: TestClock) -> None:
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery())
        for _ in range(4):
            clock.forward(minutes=1)
            assert [name for name, _ in await ledger.quarantine.take_due(clock())] != []
            # The worker is gone before it can say anything.
            assert await ledger.quarantine.take(kept.delivery_id, clock())
        clock.forward(minutes=58)
        assert await ledger.quarantine.take_due(clock()) == []
        for _ in range(48):
            clock.forward(minutes=61)
            assert await ledger.quarantine.take(kept.delivery_id, clock())
        assert await listed(ledger) == [kept.delivery_id]
        (told,) = await notices(ledger, "source_alert")
        assert told["delivery_id"] == kept.delivery_id


async def test_what_was_proved_late_was_not_sent_late(ledger: Ledger, clock: TestClock) -> None:
    """`max_event_age` is about what a sender sends, not about how long its key server is away."""
    keys = Keys()
    entity = {
        "id": 2, "name": "TestCompany", "status": {"id": 2, "name": "Inactive"},
        "_info": {"lastUpdated": rfc3339(clock())},
    }  # fmt: skip
    async with intake(ledger, clock, keys) as it:
        kept = await it.accept("cw", *delivery(Entity=json.dumps(entity)))
        clock.forward(days=30)
        keys.answer = KEY
        released = await it.release(kept.delivery_id)
        assert released is not None
        assert released.strongest.verdict == "accepted"


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
