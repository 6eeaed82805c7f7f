"""When it was said, what is asked for, and whether it is proved: in doubt a person decides."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.errors import SigningKeyUnavailable
from service.sandbox.shapes import Psa
from tests.contract.conftest import Them
from tests.support.rehearsal import Rehearsal
from tests.support.sources import COMPANY, NAME, ORG, Sources, account, created
from workers.intake.intake import Acknowledged

HELD = {"awaiting_approval", "blocked", "cancelled"}
Says = Callable[[Sources], Awaitable[Acknowledged]]

# -- equal times, and none --------------------------------------------------------------------


@pytest.mark.parametrize("source", ["cw", "at", "std", "ce", "ninja"])
@pytest.mark.parametrize("first", ["active", "inactive"])
async def test_two_saves_at_one_moment(sources: Them, source: str, first: str) -> None:
    """Neither is dropped; which came last, a person decides."""
    psa = Psa("autotask" if source == "at" else "manage", str(COMPANY))
    async with sources(sandbox=account(psa=psa)) as them:
        at = them.it.clock()

        async def say(word: str) -> Acknowledged:
            active = word == "active"
            match source:
                case "cw":
                    return await them.cw("Active" if active else "Inactive", at=at)
                case "at":
                    return await them.at(active, at=at)
                case "ninja":
                    code = "CLIENT_CREATED" if active else "CLIENT_DELETED"
                    return await them.ninja(code, at=at)
                case "ce":
                    them.it.clock.now = at
                    return await them.ce(f"client.{word}")
                case _:
                    return await them.std(f"client.{word}", at=at)

        await say(first)
        second = (await say("inactive" if first == "active" else "active")).strongest
        found = await them.all_settled()
        await them.untouched()
        if second.verdict == "cancelled":
            assert first == "inactive"
            return
        assert second.reason in {"created", "order_unknown"}
        (waits,) = found
        assert waits.state == "awaiting_approval"
        await them.approve(waits)
        assert (await them.settle(waits.id)).state == "deleted"


async def test_a_doubt_that_came_after_the_approval_was_shown_to_nobody(sources: Them) -> None:
    async with sources() as them:
        for approved in (False, True):
            at = them.it.clock.forward(minutes=1)
            for word in ("inactive", "active"):
                await them.std(f"client.{word}", at=at, org_name=NAME)
            (waits,) = await them.all_settled()
            assert waits.state == "awaiting_approval", approved
            await them.approve(waits)
        assert (await them.settle(waits.id)).state == "deleted"


@pytest.mark.parametrize("asked", ["before", "after"])
@pytest.mark.parametrize(
    "active", ["10", "01", "010", "0100", "101"], ids=lambda said: f"active={said}"
)
async def test_one_moment_concerns_every_road(sources: Them, active: str, asked: str) -> None:
    """Nobody knows whether the client is active, whoever asks for its deletion."""
    async with sources() as them:
        at = them.it.clock()
        name = await them.it.ask(org_id=ORG) if asked == "before" else ""
        for said in active:
            await them.std(
                "client.active" if said == "1" else "client.inactive", at=at, org_name=NAME
            )
        name = name or await them.it.ask(org_id=ORG)
        found = await them.settle(name)
        await them.untouched()
        assert found.state in HELD


# What each says, in the order of arrival, at how many seconds from now its sender's clock saw it.
AHEAD: dict[str, tuple[tuple[str, float], ...]] = {
    "what was before it, by a clock that is ahead": (("active", 35), ("inactive", 30)),
    "what was said right, after an inactive ahead": (("inactive", 600), ("active", -2)),
    "the turn of the century": (("active", 2_300_000_000), ("inactive", 5)),
    "a whole second before a part of it": (("active", -2), ("inactive", -1.7)),
    "a part of a second before the whole one": (("inactive", -1.3), ("active", -2)),
}


@pytest.mark.parametrize("case", AHEAD)
async def test_times_that_cannot_be_put_in_order(sources: Them, case: str) -> None:
    """Neither is dropped: a person says which one was the last."""
    async with sources(grace_period="1h") as them:
        now = them.it.clock.forward(seconds=10)
        for word, after in AHEAD[case]:
            at = (now + timedelta(seconds=after)).isoformat(timespec="milliseconds")
            content = {"type": f"client.{word}", "timestamp": at.replace(".000", "")}
            await them.send("std", {**content, "data": {"org_id": ORG, "org_name": NAME}})
        (found,) = await them.all_settled()
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "same time" in await them.shown(found)


@pytest.mark.parametrize("back", [1.5, 3600], ids=["another service", "set back"])
@pytest.mark.parametrize("source", ["cw", "at", "std"])
@pytest.mark.parametrize("last", ["active", "inactive"])
async def test_our_clock_goes_back_between_two_events(
    sources: Them, last: str, source: str, back: float
) -> None:
    """The later one lies ahead then, and is cut to a time before the first one."""
    psa = Psa("autotask" if source == "at" else "manage", str(COMPANY))
    async with sources(sandbox=account(psa=psa), grace_period="48h") as them:
        first_at = them.it.clock()

        async def say(word: str, at: datetime) -> Acknowledged:
            match source:
                case "cw":
                    return await them.cw(word.title(), at=at)
                case "at":
                    return await them.at(word == "active", at=at)
                case _:
                    return await them.std(f"client.{word}", at=at)

        await say("inactive" if last == "active" else "active", first_at)
        them.it.clock.now = first_at - timedelta(seconds=back)
        later = (await say(last, first_at + timedelta(seconds=2))).strongest
        them.it.clock.now = first_at + timedelta(minutes=1)
        found = await them.all_settled()
        await them.untouched()
        if last == "active":
            assert (later.verdict, found) == ("cancelled", [])
        else:
            assert [each.state for each in found] == ["awaiting_approval"]


async def test_an_unsigned_event_is_not_older_by_our_clock(sources: Them) -> None:
    async with sources() as them:
        await them.std("client.active", timed=False)
        them.it.clock.forward(seconds=-60)
        await them.std("client.inactive", timed=False)
        (found,) = await them.all_settled()
        assert found.state == "awaiting_approval"


async def test_a_clock_that_is_ahead_orders_its_own_events(sources: Them) -> None:
    async with sources() as them:
        for word, after in (("inactive", 30), ("active", 40), ("inactive", 50)):
            at = them.it.clock() + timedelta(seconds=after)
            await them.std(f"client.{word}", at=at)
        found = [each.state for each in await them.all_settled()]
        assert found == ["deleted"]


async def test_the_beginning_of_a_calendar_is_no_time(sources: Them) -> None:
    """Older than everything it would be of no effect, and the client is back."""
    async with sources(grace_period="1h") as them:
        found = await them.in_grace(await created(them.cw()))
        await them.cw("Active", at=datetime(1, 1, 1, tzinfo=UTC))
        await them.settle(found.id, most=timedelta(hours=3))
        await them.untouched()


TIMELESS: dict[str, Says] = {
    "std": lambda them: them.std(timed=False),
    "std_by_name": lambda them: them.std(timed=False, org_name=NAME),
    "cw_deleted": lambda them: them.cw(Action="deleted", Entity=None),
    "cw_no_info": lambda them: them.cw(
        Entity=f'{{"id": {COMPANY}, "name": "{NAME}", "status": {{"name": "Inactive"}}}}'
    ),
    "at": lambda them: them.at(EventTime=None),
}


@pytest.mark.parametrize("said", TIMELESS)
async def test_without_a_signed_time_nothing_confirms_itself(sources: Them, said: str) -> None:
    psa = Psa("autotask" if said == "at" else "manage", str(COMPANY))
    async with sources(sandbox=account(psa=psa)) as them:
        await TIMELESS[said](them)
        (found,) = await them.all_settled()
        await them.untouched()
        assert found.state == "awaiting_approval"
        await them.approve(found)
        assert (await them.settle(found.id)).state == "deleted"


async def test_a_late_retry_of_what_was_before_the_client_came_back(sources: Them) -> None:
    async with sources() as them:
        await them.std("client.active", timed=False)
        them.it.clock.forward(hours=3)
        await them.std(timed=False)
        await them.all_settled()
        await them.untouched()


@pytest.mark.parametrize("time", ["2026-11-23 12:00", "2026-11-23T12:00:00", "yesterday", 12])
async def test_a_time_that_cannot_be_read_is_not_none(sources: Them, time: object) -> None:
    async with sources() as them:
        data = {"org_id": ORG, "org_name": NAME}
        body = {"type": "client.inactive", "timestamp": time, "data": data}
        receipt = (await them.send("std", body)).strongest
        assert receipt.verdict == "rejected"
        await them.all_settled()
        await them.untouched()


# -- joined -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["dry_first", "real_first"])
async def test_a_real_event_is_not_swallowed_by_a_dry_run(sources: Them, order: str) -> None:
    async with sources() as them:
        data: dict[str, Any] = {"org_id": ORG, "org_name": NAME}
        flags: list[dict[str, Any]] = [{"dry_run": True}, {}]
        for each in flags if order == "dry_first" else reversed(flags):
            receipt = (await them.std(**data, **each)).strongest
            assert receipt.verdict == "accepted"
        found = await them.all_settled()
        assert "deleted" in {each.state for each in found}
        assert len(await them.it.deletes()) == 1


# -- unproved ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, 25, 100])
@pytest.mark.parametrize("active", [True, False])
async def test_unproved_always_holds(sources: Them, hours: int, *, active: bool) -> None:
    async with sources(grace_period=f"{hours}h") as them:
        name = (await them.in_grace(await created(them.cw()))).id
        them.keys.answer = SigningKeyUnavailable
        sent = await them.cw("Active" if active else "Inactive")
        assert sent.strongest.verdict == "unverified"
        await _as_time_passes(them, hours=hours + 2)
        await them.settle(name)
        await them.untouched()
        assert "unproved_event" in await them.told()

        them.keys.answer = "the key"
        await them.intake.release(sent.delivery_id)
        found = await them.settle(name)
        assert found.state == ("cancelled" if active else "deleted")


async def _as_time_passes(them: Sources, *, hours: int) -> None:
    """What the scheduler has done about what waits to be proved."""
    it: Rehearsal = them.it
    for _ in range(50):
        it.clock.forward(hours=hours / 50)
        for delivery_id, _ in await it.ledger.quarantine.take_due(it.clock()):
            await them.intake.release(delivery_id)


@pytest.mark.parametrize("signed", [True, False])
async def test_two_that_were_proved_late_keep_order(sources: Them, *, signed: bool) -> None:
    """The client was active, and then left: the second word must not be lost."""
    async with sources() as them:
        them.keys.answer = SigningKeyUnavailable
        kept = []
        for status in ("Active", "Inactive"):
            entity = {"id": COMPANY, "name": NAME, "status": {"id": 2, "name": status}}
            undated: dict[str, Any] = {} if signed else {"Entity": json.dumps(entity)}
            kept.append(await them.cw(status, **undated))
            them.it.clock.forward(minutes=1)
        them.keys.answer = "the key"
        for each in kept:
            await them.intake.release(each.delivery_id)
        found = await them.all_settled()
        assert [each.state for each in found] in (["deleted"], ["awaiting_approval"])
