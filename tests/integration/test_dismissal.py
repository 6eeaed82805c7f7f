"""A person ends what a delivery holds; the delivery stays, with who said so and why."""

from typing import Any

import pytest

from adapters.errors import SigningKeyUnavailable
from tests.integration.test_ledger_receive import inactive
from tests.integration.test_quarantine import Keys, delivery, intake, listed
from tests.support.audit import audited
from tests.support.clock import TestClock
from tests.support.deletions import begun
from tests.support.ledgers import notices
from workers.ledger.deleting.deletions import Begun, Change
from workers.ledger.events.deliveries import Replay
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.upkeep.retention import Retention


class Desk:
    """Events of one source, and the person who looks at what they hold."""

    def __init__(self, ledger: Ledger, clock: TestClock) -> None:
        self.ledger, self.clock = ledger, clock
        self._number = 0

    async def receive(self, *events: dict[str, Any], source: str = "cw", **said: str) -> str:
        self._number += 1
        name = f"dlv_{self._number}"
        delivery = {"id": name, "source": source, "vendor": "connectwise", "headers": "[]"}
        await self.ledger.deliveries.receive(
            delivery={**delivery, **said}, body=b"{}", events=events, now=self.clock(),
        )  # fmt: skip
        return name

    async def dismiss(self, *names: str, operator: str = "carol") -> dict[str, str]:
        return await self.ledger.deliveries.dismiss(
            names, operator=operator, reason="a test of theirs", now=self.clock()
        )

    async def holding(self) -> list[str]:
        return [each.delivery_id for each in await self.ledger.holds.all()]

    async def begin(self, deletion_id: str) -> Begun:
        """Ask for the permission to delete."""
        held = await self.ledger.deletions.lease(deletion_id, self.clock())
        assert isinstance(held, Deletion)
        planned = Change(state="running", fields={"step": "delete", "plan_digest": "d"})
        held = await self.ledger.deletions.record(held, planned, self.clock())
        return await begun(self.ledger, held, self.clock())


@pytest.fixture
def desk(ledger: Ledger, clock: TestClock) -> Desk:
    return Desk(ledger, clock)


def rejected(event_id: str = "r1", **fields: Any) -> dict[str, Any]:
    event = {"kind": "rejected", "event_id": event_id, "reason": "status_incomplete", "detail": "d"}
    return {**event, **fields}


async def asked(desk: Desk) -> str:
    """A deletion that a signed event asked for."""
    event = inactive(at=desk.clock())
    await desk.receive(event)
    return str(event["deletion_id"])


@pytest.mark.parametrize("clients", [[], ["2"]])
async def test_rejected_holds_till_dismissed(
    desk: Desk, ledger: Ledger, clients: list[str]
) -> None:
    deletion_id = await asked(desk)
    name = await desk.receive(rejected(clients=clients))
    (held,) = await ledger.holds.all()
    assert (held.delivery_id, held.verdict, held.reason) == (name, "rejected", "status_incomplete")
    assert list(held.clients) == clients
    begun = await desk.begin(deletion_id)
    assert (begun.decision, begun.holder) == ("not_understood", name)

    assert await desk.dismiss(name) == {name: "dismissed"}
    assert await desk.holding() == []
    stored = await ledger.deliveries.get(name)
    assert stored.dismissed is not None
    assert (stored.verdict, stored.body) == ("rejected", b"{}")
    assert (stored.dismissed.by, stored.dismissed.reason) == ("carol", "a test of theirs")
    (line,) = await audited(desk.ledger, "dismissed")
    assert (line["delivery_id"], line["operator"], line["verdict"]) == (name, "carol", "rejected")
    desk.clock.forward(minutes=10)
    assert (await desk.begin(deletion_id)).decision == "begun"


async def test_said_again_it_is_the_same_and_audited_once(desk: Desk, ledger: Ledger) -> None:
    name = await desk.receive(rejected())
    await desk.dismiss(name)
    assert await desk.dismiss(name, operator="alice") == {name: "dismissed"}
    assert len(await audited(desk.ledger, "dismissed")) == 1
    stored = await ledger.deliveries.get(name)
    assert stored.dismissed is not None
    assert stored.dismissed.by == "carol"


async def test_what_holds_nothing_is_not_dismissed(desk: Desk, ledger: Ledger) -> None:
    quiet = await desk.receive(rejected(holds=False))
    assert await desk.holding() == []
    said = await desk.dismiss(quiet, "dlv_none")
    assert said == {quiet: "holds_nothing", "dlv_none": "unknown"}
    assert (await ledger.deliveries.get(quiet)).dismissed is None
    assert await audited(desk.ledger, "dismissed") == []


async def test_hundreds_at_once(desk: Desk, ledger: Ledger) -> None:
    names = [await desk.receive(rejected(f"r{number}")) for number in range(450)]
    said = await desk.dismiss(*await ledger.holds.of("cw", "rejected"))
    assert said == dict.fromkeys(names, "dismissed")
    assert await desk.holding() == []


async def test_in_bulk_only_what_came_before(desk: Desk, ledger: Ledger) -> None:
    first = await desk.receive(rejected("r1"))
    until = desk.clock.forward(minutes=1)
    await desk.receive(rejected("r2"))
    await desk.receive(rejected("r3"), source="halo")
    assert await ledger.holds.of("cw", "rejected", until) == [first]
    assert len(await ledger.holds.of("cw", "rejected")) == 2
    assert await ledger.holds.of("cw", "unverified") == []


async def test_once_dismissed_reading_it_again_holds_nothing(desk: Desk, ledger: Ledger) -> None:
    """The person who replays it later has it read as it was: still not understood."""
    name = await desk.receive(rejected())
    await desk.dismiss(name)
    await ledger.deliveries.receive(
        delivery={"id": name, "source": "cw", "vendor": "connectwise", "headers": "[]"},
        body=b"{}", events=[rejected()], now=desk.clock(), replay=Replay("bob", "t"),
    )  # fmt: skip
    assert await desk.holding() == []
    await desk.receive(rejected("r2"))
    assert len(await desk.holding()) == 1


async def test_a_replay_that_understands_it_ends_the_hold(desk: Desk, ledger: Ledger) -> None:
    name = await desk.receive(rejected())
    await ledger.deliveries.receive(
        delivery={"id": name, "source": "cw", "vendor": "connectwise", "headers": "[]"},
        body=b"{}", events=[inactive("r1", desk.clock())], now=desk.clock(),
        replay=Replay("bob", "t"),
    )  # fmt: skip
    assert await desk.holding() == []


async def test_unproved_leaves_the_quarantine(desk: Desk, ledger: Ledger, clock: TestClock) -> None:
    deletion_id = await asked(desk)
    keys = Keys()
    async with intake(ledger, clock, keys) as it:
        kept = (await it.accept("cw", *delivery())).delivery_id
        assert (await desk.begin(deletion_id)).decision == "unproved_events"
        (held,) = await ledger.holds.all()
        assert (held.delivery_id, held.verdict) == (kept, "unverified")

        assert await desk.dismiss(kept) == {kept: "dismissed"}
        stored = await ledger.deliveries.get(kept)
        assert (stored.verdict, stored.reason) == ("unverified", "dismissed")
        assert stored.dismissed is not None
        assert await listed(ledger) == [kept]
        assert await desk.holding() == []
        assert await ledger.store.redis.hget("unglue:quarantine:bytes", "cw") == b"0"

        # The key server is back: whoever dismissed it said that it does not count.
        keys.answer = "the key"
        assert await it.release(kept) is None
        assert await ledger.quarantine.take_due(clock.forward(days=1)) == []


async def test_the_same_bytes_hold_anew(desk: Desk, ledger: Ledger, clock: TestClock) -> None:
    keys = Keys()
    keys.answer = SigningKeyUnavailable
    async with intake(ledger, clock, keys) as it:
        first = (await it.accept("cw", *delivery())).delivery_id
        await desk.dismiss(first)
        second = (await it.accept("cw", *delivery())).delivery_id
        assert await desk.holding() == [second]


async def test_what_holds_is_kept_at_any_age(desk: Desk, ledger: Ledger, clock: TestClock) -> None:
    unread = await desk.receive(rejected())
    async with intake(ledger, clock, Keys()) as it:
        unproved = (await it.accept("cw", *delivery())).delivery_id
        clock.forward(days=401)
        await Retention(ledger).prune(clock())
        assert sorted(await desk.holding()) == sorted([unread, unproved])
        await ledger.deliveries.get(unread)
        await ledger.deliveries.get(unproved)

        await desk.dismiss(unread, unproved)
        await Retention(ledger).prune(clock())
        assert await ledger.store.redis.zcard("unglue:deliveries") == 0


async def test_it_lists_what_is_held_of_a_source_that_is_gone(desk: Desk, ledger: Ledger) -> None:
    """Sources are those that sent something, not those that are configured now."""
    name = await desk.receive(rejected(), source="removed")
    assert [(each.delivery_id, each.source) for each in await ledger.holds.all()] == [
        (name, "removed")
    ]


# -- and people are told: the notices ---------------------------------------------------------


async def test_one_of_several_that_is_not_understood_is_told_of(desk: Desk, ledger: Ledger) -> None:
    name = await desk.receive(inactive(at=desk.clock()), rejected(clients=["7"]))
    assert await notices(ledger, "rejected_event") == [
        {
            "source": "cw", "reason": "status_incomplete", "delivery_id": name, "holds": True,
            "clients": ["7"], "kind": "rejected_event",
        }
    ]  # fmt: skip


async def test_what_holds_is_told_even_after_what_does_not(desk: Desk, ledger: Ledger) -> None:
    for number in range(3):
        await desk.receive(rejected(f"q{number}", holds=False))
        await desk.receive(rejected(f"r{number}"))
    told = await notices(ledger, "rejected_event")
    assert [each["holds"] for each in told] == [False, True]


async def test_a_second_one_is_told_of_later(desk: Desk, ledger: Ledger) -> None:
    """It holds somebody else, and perhaps nothing comes after it."""
    await desk.receive(rejected("r1", clients=["7"]))
    desk.clock.forward(minutes=5)
    second = await desk.receive(rejected("r2", clients=["8"]))
    for _ in range(3):
        await ledger.holds.tell(desk.clock.forward(minutes=55))
        # The server's hour is over.
        await ledger.store.redis.delete("unglue:told:rejected_event:cw")
    first, told = await notices(ledger, "rejected_event")
    assert first["clients"] == ["7"]
    assert (told["delivery_id"], told["clients"], told["waiting"]) == (second, ["8"], 1)


async def test_what_a_psa_said_when_it_was_asked_is_listed(desk: Desk, ledger: Ledger) -> None:
    """Its source may never have sent an event."""
    name = await desk.receive(rejected("r1", clients=["7"]), caught_up="1")
    assert [each.delivery_id for each in await ledger.holds.all()] == [name]


async def test_a_used_id_is_told_of_once_an_hour(desk: Desk, ledger: Ledger) -> None:
    for number in range(3):
        await desk.receive({**inactive("same", desk.clock()), "content": f"{number}" * 64})
    assert [each["event_id"] for each in await notices(ledger, "event_id_reused")] == ["same"]
