"""The request budget that all workers share."""

from datetime import timedelta

import pytest

from adapters.errors import Postponed
from tests.contract.conftest import Rehearse
from tests.support.clock import TestClock
from tests.support.rehearsal import TEST_COMPANY
from workers.itglue.budget import Throttle
from workers.ledger.ledger import Ledger

READ, CALL = False, True


async def no_wait(_seconds: float) -> None:
    raise AssertionError("waited in place")


async def test_the_budget_is_shared_and_slides(ledger: Ledger, clock: TestClock) -> None:
    first, second = (Throttle(ledger.budget, 100, clock, no_wait) for _ in range(2))
    for number in range(95):
        await (first if number % 2 else second).before_request(READ)
    with pytest.raises(Postponed) as refused:
        await first.before_request(READ)
    assert clock() + timedelta(minutes=5) <= refused.value.until
    await second.before_request(CALL)  # the reserve is for calls that delete
    clock.now = refused.value.until
    await first.before_request(READ)


async def test_a_429_holds_everybody(ledger: Ledger, clock: TestClock) -> None:
    first, second = (Throttle(ledger.budget, 100, clock, no_wait) for _ in range(2))
    await first.after_answer(429, 30.0)
    for destructive in (False, True):
        with pytest.raises(Postponed) as refused:
            await second.before_request(destructive)
        assert refused.value.until == clock() + timedelta(seconds=30)
    clock.forward(seconds=30)
    await second.before_request(READ)


async def test_a_short_wait_happens_in_place(ledger: Ledger, clock: TestClock) -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        clock.forward(seconds=seconds)

    throttle = Throttle(ledger.budget, 100, clock, wait)
    await throttle.after_answer(429, 0.5)
    await throttle.before_request(READ)
    assert waited == [0.5]


async def test_a_full_budget_is_waited_for_and_no_attempt_is_lost(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        for _ in range(2850):
            await it.ledger.budget.take(it.clock(), limit=3000, reserve=150, destructive=False)
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        deletion = await it.advance(deletion_id)
        assert (deletion.state, deletion.attempts) == ("retrying", 0)
        assert (await it.run(deletion_id))["deleted"] is True
