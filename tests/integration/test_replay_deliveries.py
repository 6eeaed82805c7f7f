"""Stored deliveries read anew after a fix: what had no effect may have one, once."""

import json
from datetime import datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest

from adapters.errors import NotFound
from adapters.halopsa.config import HaloPSAConfig
from adapters.headers import Headers
from tests.integration.test_quarantine import Keys
from tests.support.clock import TestClock
from tests.support.deletions import cancelled
from workers.intake.intake import Acknowledged, Intake
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.events.deliveries import Replay
from workers.ledger.ledger import Ledger
from workers.times.clock import rfc3339

SECRET = "a long shared secret"
WRONG: dict[str, Any] = {"client_name": "/client"}


class Installation:
    """One HaloPSA source, whose configuration is changed as an operator would."""

    def __init__(self, ledger: Ledger, clock: TestClock) -> None:
        self.ledger, self.clock = ledger, clock
        self._numbers = count(1)
        self.configure(**WRONG)

    def configure(self, *, sources: dict[str, Any] | None = None, **pointers: str) -> None:
        """Start anew with other pointers, or other sources."""
        config = HaloPSAConfig(
            vendor="halopsa", auth="bearer", secrets=(SECRET,), pointers={**pointers}
        )
        self.intake = Intake(
            sources={"halo": config} if sources is None else sources,
            deliveries=self.ledger.deliveries,
            quarantine=self.ledger.quarantine,
            keys=Keys(),
            callback_url="https://rewst.example.com/hook",
            max_event_age=timedelta(days=7),
            clock=self.clock,
            new_id=lambda kind: f"{kind}_{next(self._numbers)}",
        )

    async def send(
        self, *events: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Acknowledged:
        body = json.dumps(events if len(events) > 1 else events[0]).encode()
        bearer = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}
        return await self.intake.accept("halo", Headers.of(list((headers or bearer).items())), body)

    async def replay(self, delivery_id: str, token: str = "") -> Acknowledged:
        once = token or f"t{next(self._numbers)}"
        return await self.intake.replay(delivery_id, Replay("alice", once))

    async def deletions(self) -> list[str]:
        names = await self.ledger.store.redis.zrange("unglue:deletions", 0, -1)
        return [name.decode() for name in cast("list[bytes]", names)]


@pytest.fixture
def it(ledger: Ledger, clock: TestClock) -> Installation:
    return Installation(ledger, clock)


def event(client: int = 7, *, inactive: bool = True, at: datetime | None = None) -> dict[str, Any]:
    content = {"client_id": client, "client_name": f"Client {client}", "inactive": inactive}
    return content | ({"occurred_at": rfc3339(at)} if at else {})


async def test_a_rejected_one_is_read_as_configured_now(it: Installation, ledger: Ledger) -> None:
    sent = await it.send(event())
    assert (sent.strongest.verdict, sent.strongest.reason) == ("rejected", "name_missing")
    # The same configuration says the same, and keeps what it said before.
    assert (await it.replay(sent.delivery_id)).strongest.verdict == "rejected"
    it.configure()
    it.clock.forward(days=1)
    again = await it.replay(sent.delivery_id, "fixed")
    assert (again.strongest.verdict, again.strongest.reason) == ("accepted", "created")
    assert again.strongest.job is not None

    deletion = await ledger.deletions.get(again.strongest.deletion_id or "")
    assert (deletion.delivery_id, deletion.source) == (sent.delivery_id, "halo")
    delivery = await ledger.deliveries.get(sent.delivery_id)
    assert (delivery.verdict, delivery.generation) == ("accepted", 3)
    assert delivery.received_at < it.clock() - timedelta(hours=23)
    history = await ledger.deliveries.history(sent.delivery_id)
    assert [(each["generation"], each["verdict"], each["operator"]) for each in history] == [
        (1, "rejected", "alice"),
        (2, "rejected", "alice"),
    ]
    assert history[0]["events"][0]["reason"] == "name_missing"
    # As a repeated command would: the same answer, and nothing else.
    assert (await it.replay(sent.delivery_id, "fixed")) == again
    assert await it.deletions() == [deletion.id]
    assert (await ledger.deliveries.get(sent.delivery_id)).generation == 3


async def test_what_was_handled_is_not_handled_again(it: Installation) -> None:
    it.configure()
    sent = await it.send(event())
    with pytest.raises(ReplayRefused) as refused:
        await it.replay(sent.delivery_id)
    assert refused.value.why == "handled"
    assert len(await it.deletions()) == 1


async def test_of_a_batch_only_the_rest_is_handled(ledger: Ledger, clock: TestClock) -> None:
    def request(number: int) -> dict[str, Any]:
        return {
            "event_id": f"e{number}", "kind": "request", "client": str(number),
            "request": '{"org_name":"A"}', "actor": "", "deletion_id": f"del_{number}",
            "callback_url": "",
        }  # fmt: skip

    rejected = {"event_id": "e2", "kind": "rejected", "reason": "name_missing", "detail": ""}
    delivery = {"id": "dlv_1", "source": "halo", "vendor": "halopsa", "headers": "[]"}

    async def receive(*events: Any, replay: Replay | None = None) -> list[tuple[str, str | None]]:
        receipts = await ledger.deliveries.receive(
            delivery=delivery, body=b"{}", events=events, now=clock(), replay=replay
        )
        return [(each.verdict, each.deletion_id) for each in receipts]

    assert await receive(request(1), rejected) == [("accepted", "del_1"), ("rejected", None)]
    again = await receive(request(1), request(2), replay=Replay("alice", "t1"))
    assert again == [("duplicate", "del_1"), ("accepted", "del_2")]
    with pytest.raises(ReplayRefused) as refused:
        await receive(request(1), request(2), replay=Replay("alice", "t2"))
    assert refused.value.why == "handled"


async def test_the_moment_that_counts_is_that_of_receipt(it: Installation) -> None:
    """Too old by now, and young when it came."""
    sent = await it.send(event(at=it.clock()))
    it.configure()
    it.clock.forward(days=30)
    assert (await it.replay(sent.delivery_id)).strongest.reason == "created"


@pytest.mark.parametrize("signed", [False, True], ids=["arrival", "signed time"])
async def test_a_client_active_since_stays_untouched(it: Installation, *, signed: bool) -> None:
    sent = await it.send(event(at=it.clock() if signed else None))
    it.configure()
    it.clock.forward(hours=1)
    await it.send(event(inactive=False, at=it.clock() if signed else None))
    again = await it.replay(sent.delivery_id)
    assert (again.strongest.verdict, again.strongest.reason) == ("ignored", "stale")
    assert await it.deletions() == []


@pytest.mark.parametrize("signed", [False, True], ids=["arrival", "signed time"])
async def test_a_reactivation_that_was_rejected_counts(it: Installation, *, signed: bool) -> None:
    it.configure(inactive="/is_inactive", client_name="/client_name")
    back = await it.send(event(inactive=False, at=it.clock() if signed else None))
    assert back.strongest.verdict == "rejected"
    it.configure()
    it.clock.forward(minutes=-5)
    open_ = (await it.send(event(at=it.clock() if signed else None))).strongest.deletion_id
    it.clock.forward(minutes=10)
    again = await it.replay(back.delivery_id)
    assert (again.strongest.verdict, again.strongest.deletion_id) == ("cancelled", open_)


@pytest.mark.parametrize("signed", [False, True], ids=["arrival", "signed time"])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_the_order_of_a_replay_does_not_matter(
    it: Installation, ledger: Ledger, *, newest_first: bool, signed: bool
) -> None:
    """Inactive, active, inactive, all rejected: in the end the client is inactive, asked once."""
    sent = []
    it.configure(inactive="/is_inactive", **WRONG)
    for number, inactive in enumerate((True, False, True)):
        content = event(inactive=inactive, at=it.clock() if signed else None)
        sent.append((await it.send({**content, "number": number})).delivery_id)
        it.clock.forward(minutes=10)
    it.configure()
    for name in reversed(sent) if newest_first else sent:
        await it.replay(name)
    states = [(await ledger.deletions.get(name)).state for name in await it.deletions()]
    assert states.count("queued") == 1


async def test_newest_first_never_asks_for_a_client_that_is_active(it: Installation) -> None:
    """Whatever is replayed so far, nothing was asked for that a newer delivery takes back."""
    it.configure(inactive="/is_inactive", **WRONG)
    gone = await it.send(event())
    it.clock.forward(minutes=10)
    back = await it.send(event(inactive=False))
    it.configure()
    it.clock.forward(minutes=10)
    await it.replay(back.delivery_id)
    assert (await it.replay(gone.delivery_id)).strongest.reason == "stale"
    assert await it.deletions() == []


async def test_a_reactivation_takes_effect_once(it: Installation, ledger: Ledger) -> None:
    it.configure()
    back = await it.send(event(inactive=False))
    assert back.strongest.reason == "client_active"
    it.clock.forward(minutes=1)
    asked = (await it.send(event())).strongest.deletion_id
    again = await it.replay(back.delivery_id)
    assert again.strongest.verdict == "duplicate"
    assert (await ledger.deletions.get(asked or "")).state == "queued"


async def test_after_a_cancellation_it_stays_ignored(it: Installation, ledger: Ledger) -> None:
    late = await it.send(event())
    it.configure()
    asked = (await it.send({**event(), "n": 1})).strongest.deletion_id
    await cancelled(ledger, asked or "", it.clock(), "carol")
    again = await it.replay(late.delivery_id)
    assert again.strongest.reason == "cancelled_by_operator"


async def test_the_same_event_in_two_deliveries_is_handled_once(it: Installation) -> None:
    """The vendor sent it twice; both were rejected, and both are replayed."""
    it.configure(event_id="/id", **WRONG)
    sent = [await it.send({**event(), "id": "e1"}), await it.send({"id": "e1", **event()})]
    assert [each.strongest.verdict for each in sent] == ["rejected", "rejected"]
    it.configure(event_id="/id")
    first, second = [(await it.replay(each.delivery_id)).strongest for each in sent]
    assert (first.verdict, second.verdict) == ("accepted", "duplicate")
    assert second.deletion_id == first.deletion_id
    assert len(await it.deletions()) == 1


async def test_what_cannot_be_replayed(it: Installation, ledger: Ledger) -> None:
    sent = await it.send(event())
    with pytest.raises(NotFound):
        await it.replay("dlv_0")
    it.configure(sources={})
    with pytest.raises(ReplayRefused) as refused:
        await it.replay(sent.delivery_id)
    assert refused.value.why == "no_source"

    it.configure()
    delivery = {"id": "dlv_q", "source": "halo", "vendor": "halopsa", "headers": "[]"}
    await ledger.quarantine.keep(delivery=delivery, body=b"{}", due=it.clock(), now=it.clock())
    with pytest.raises(ReplayRefused) as refused:
        await it.replay("dlv_q")
    assert refused.value.why == "unproved"


async def test_the_same_words_again_are_as_new_as_when_they_came_last(it: Installation) -> None:
    """It may be no repetition: between them the client may have been back."""
    first = await it.send(event())
    it.clock.forward(hours=2)
    second = await it.send(event())
    assert (first.strongest.verdict, second.strongest.verdict) == ("rejected", "rejected")
    it.configure()
    it.clock.forward(minutes=-60)
    await it.send(event(inactive=False))
    it.clock.forward(hours=2)
    assert second.delivery_id == first.delivery_id
    assert (await it.replay(first.delivery_id)).strongest.verdict == "accepted"
    assert len(await it.deletions()) == 1


async def test_what_had_an_effect_stays_known_if_no_longer_understood(it: Installation) -> None:
    it.configure(event_id="/id")
    accepted = await it.send({**event(), "id": "e1"})
    it.configure(event_id="/id", **WRONG)
    again = await it.send({**event(), "id": "e1"})
    assert again.strongest.verdict == "rejected"
    it.configure(event_id="/id")
    replayed = (await it.replay(again.delivery_id)).strongest
    assert (replayed.verdict, replayed.deletion_id) == ("duplicate", accepted.strongest.deletion_id)


async def test_who_replays_may_not_approve_the_deletion(it: Installation, ledger: Ledger) -> None:
    sent = await it.send(event())
    it.configure()
    replayed = await it.replay(sent.delivery_id)
    deletion = await ledger.deletions.get(str(replayed.strongest.deletion_id))
    assert deletion.requesters == {"alice"}
