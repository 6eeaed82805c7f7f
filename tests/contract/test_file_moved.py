"""The file moves while something waits, or two parts have two: nothing harder is done for it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Them
from tests.contract.test_what_is_decided import SCHEDULE, TAGGED, _swept
from tests.support.sources import NAME, ORG, SOURCES, Sources, account, changed, created
from workers.audit.configuration import record_configuration
from workers.ledger.records import Deletion


async def _in_force(them: Sources) -> None:
    await record_configuration(them.settings, them.it.ledger, "service", them.it.clock)


async def _later(them: Sources, name: str) -> Deletion:
    """What it comes to, as often as somebody looks at it."""
    them.it.clock.now = (await them.it.ledger.deletions.get(name)).ready_at
    return await them.settle(name)


# -- a plan by another file -------------------------------------------------------------------


async def test_a_plan_that_looked_less_far_back(sources: Them) -> None:
    """A worker on another file read a day's activity; the file in force asks for a month's."""
    async with sources(sandbox=account(idle_days=10)) as them:
        them.configure(SOURCES, policy={"min_idle_days": 30})
        await _in_force(them)
        them.configure(SOURCES, policy={"min_idle_days": 1})
        name = await them.it.ask(org_id=ORG, org_name=NAME)
        assert (await them.it.advance(name)).waits_for == "configuration_differs"
        them.configure(SOURCES, policy={"min_idle_days": 30})
        found = await _later(them, name)
        await them.untouched()
        assert "min_idle_days" in str(found.errors)


# -- what is loosened -------------------------------------------------------------------------


async def test_statuses_that_were_widened(sources: Them) -> None:
    async with sources(sandbox=account(status="Active")) as them:
        name = await created(them.cw())
        await them.once(name, "awaiting_eligibility")
        them.configure(SOURCES, policy={"eligible_statuses": []})
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "must be 'Inactive'" in await them.shown(found)
        await them.approve(found)
        assert (await them.settle(name)).state == "deleted"


async def test_what_the_policy_of_then_lets_go_as_well(sources: Them) -> None:
    """However it was loosened, a person need not be asked."""
    async with sources(sandbox=account(status="Active")) as them:
        name = await created(them.cw())
        await them.once(name, "awaiting_eligibility")
        them.configure(SOURCES, policy={"eligible_statuses": ["Inactive", "Gone"]})
        await them.it.change(ORG, status="Inactive")
        assert (await them.settle(name)).state == "deleted"


@pytest.mark.parametrize("approval", ["never", "webhooks"])
@pytest.mark.parametrize("by", ["policy", "source"])
async def test_somebody_was_to_be_asked(sources: Them, by: str, approval: str) -> None:
    async with sources() as them:
        if by == "policy":
            them.configure(SOURCES, policy={"approval": "always"})
        else:
            them.configure(changed("cw", approval="always"))
        name = await created(them.cw())
        await them.once(name, "awaiting_approval")
        them.configure(SOURCES, policy={"approval": approval})
        found = await _later(them, name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        await them.approve(found)
        assert (await them.settle(name)).state == "deleted"


async def test_limits_of_records_that_were_raised(sources: Them) -> None:
    async with sources() as them:
        them.it.fill(ORG, "configurations", 5)
        name = await created(them.cw())
        found = await them.once(name, "awaiting_approval")
        limits = {"configs": 100, "contacts": "unlimited"}
        them.configure(SOURCES, policy={"dependency_limits": limits})
        found = await _later(them, name)
        await them.untouched()
        assert found.state == "awaiting_approval"


@pytest.mark.parametrize("then", [{"required_tags": []}, {"idle_days": 0}])
async def test_criteria_that_were_edited(sources: Them, then: dict[str, Any]) -> None:
    """The tag is gone, or somebody was there: whatever the schedule looks for now."""
    async with sources(sandbox=account(**TAGGED), grace_period="48h") as them:
        name = await _swept(them, idle_days=30)
        await them.once(name, "scheduled")
        tag = "#offboarded" if "idle_days" in then else ""
        await them.it.change(ORG, description=f"we talked {tag}")
        them.configure(SOURCES, schedules={"one": {**SCHEDULE, "idle_days": 30, **then}})
        found = await them.settle(name)
        await them.untouched()
        assert found.state in {"awaiting_approval", "blocked"}


async def test_a_grace_period_that_had_not_begun(sources: Them) -> None:
    async with sources(sandbox=account(status="Active"), grace_period="48h") as them:
        name = await created(them.cw())
        await them.once(name, "awaiting_eligibility")
        await them.it.change(ORG, status="Inactive")
        them.configure(SOURCES, policy={"grace_period": "0s"})
        found = await them.settle(name, until="scheduled")
        assert found.grace is not None
        assert found.grace.until - found.grace.since == timedelta(hours=48)


async def test_who_replays_it_asks_under_the_policy_of_now(sources: Them) -> None:
    async with sources(sandbox=account(status="Active"), eligibility_window="0s") as them:
        name = await created(them.cw())
        assert (await them.settle(name)).state == "blocked"
        them.configure(SOURCES, policy={"eligible_statuses": []})
        await them.it.replay(name)
        assert (await them.settle(name)).state == "deleted"
