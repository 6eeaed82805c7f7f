"""The file moves while something waits, or two parts have two: nothing harder is done for it."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.errors import SigningKeyUnavailable
from adapters.models import DeletionRequest
from service.sandbox.shapes import SeedOrganization
from tests.contract.conftest import Them
from tests.contract.test_what_is_decided import SCHEDULE, TAGGED, _operators, _swept
from tests.support.sources import (
    NAME,
    ORG,
    SIGNING_KEY,
    SOURCES,
    Sources,
    account,
    changed,
    created,
)
from workers.audit.configuration import record_configuration
from workers.bulk.replay.walk import Means, advance_replay
from workers.bulk.sweep.walk import advance_sweep
from workers.intake.spool.frames import Spooled
from workers.ledger.bulk.replays import Order, What
from workers.ledger.records import Deletion
from workers.pipeline.terms import known_as


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


@pytest.mark.parametrize("asked", ["std", "api"])
async def test_a_status_that_moved_away(sources: Them, asked: str) -> None:
    """No status is asked for, and it was an inactive one when somebody looked."""
    async with sources(eligible_statuses=[], grace_period="48h") as them:
        name = await (them.it.ask(org_id=ORG) if asked == "api" else created(them.std()))
        await them.in_grace(name)
        await them.it.change(ORG, status="Active")
        found = await them.settle(name)
        await them.untouched()
        assert "status was 'Inactive' and is 'Active'" in await them.shown(found)


async def test_a_status_that_follows_the_psa(sources: Them) -> None:
    change = account(status="Active")
    async with sources(sandbox=change, eligible_statuses=[], grace_period="48h") as them:
        found = await them.in_grace(await created(them.cw()))
        await them.it.change(ORG, status="Inactive")
        assert (await them.settle(found.id)).state == "deleted"


# -- what goes on while the file moves --------------------------------------------------------


async def _nobody(deletion_id: str, number: int) -> None:
    del deletion_id, number


@pytest.mark.parametrize("what", ["deletions", "deliveries"])
async def test_a_bulk_replay_under_a_milder_mode(sources: Them, what: What) -> None:
    """Asked for while nothing was deleted; half of it is done after everything went live."""
    preview, wrong = {"mode": "preview"}, {"client_name": "/client"}
    async with sources() as them:
        them.configure(changed("halo", pointers=wrong), policy=preview)
        sent = await (them.halo() if what == "deliveries" else them.cw())
        item = sent.strongest.deletion_id or sent.delivery_id
        await them.all_settled()
        them.configure(SOURCES, policy=preview)
        mode = them.settings.policy.mode
        order = Order(
            what, "alice", (item,), 1, named=True, rate=6000, filter={}, mode=mode
        )  # fmt: skip
        await them.it.ledger.replays.begin("rpl_1", order, them.it.clock())
        them.configure(SOURCES)
        means = Means(them.it.ledger, them.intake, _nobody, them.it.clock, them.settings)
        await advance_replay("rpl_1", means)
        assert (await them.it.ledger.replays.outcomes("rpl_1")).counts == {"replayed": 1}
        assert [each.state for each in await them.all_settled()] == ["previewed"]
        await them.untouched()


async def _sweep(them: Sources) -> str:
    """A person has one begun under the file in force."""
    await _in_force(them)
    name, now = them.new_id("swp"), them.it.clock()
    await them.it.ledger.sweeps.begin(name, "one", by="alice", preview=False, now=now)
    return name


@pytest.mark.parametrize("then", [{"mode": "preview"}, {"dry_run": True}, {"limit": 1}])
async def test_a_sweep_that_began_under_another_file(sources: Them, then: dict[str, Any]) -> None:
    other = SeedOrganization(id=402, name="Other", status="Inactive", description="#offboarded")
    mode = {"mode": then["mode"]} if "mode" in then else {}
    one = {**SCHEDULE, **({} if mode else then)}
    async with sources(sandbox=account(other, **TAGGED)) as them:
        them.configure(SOURCES, schedules={"one": one}, policy=mode)
        name = await _sweep(them)
        them.configure(SOURCES, schedules={"one": SCHEDULE})
        await _in_force(them)
        sweep = await advance_sweep(name, them.it.context, _nobody, them.new_id)
        assert sweep is not None
        assert sweep.state == "failed"
        assert "failed" in await them.told()
        await them.all_settled()
        await them.untouched()


async def test_a_sweep_is_for_a_worker_on_the_file_in_force(sources: Them) -> None:
    """One on an older file would ask for more than the schedule's limit of now lets."""
    other = SeedOrganization(id=402, name="Other", status="Inactive", description="#offboarded")
    async with sources(sandbox=account(other, **TAGGED)) as them:
        tight = {"one": {**SCHEDULE, "limit": 1}}
        them.configure(SOURCES, schedules=tight)
        name = await _sweep(them)
        them.configure(SOURCES, schedules={"one": SCHEDULE})
        sweep = await advance_sweep(name, them.it.context, _nobody, them.new_id)
        assert sweep is not None
        assert sweep.state == "looking"
        them.configure(SOURCES, schedules=tight)
        them.it.clock.forward(seconds=31)
        sweep = await advance_sweep(name, them.it.context, _nobody, them.new_id)
        assert sweep is not None
        assert sweep.state == "held"
        assert await them.open() == []


@pytest.mark.parametrize("then", ["mode", "confirm_delete"])
@pytest.mark.parametrize("waits", ["quarantined", "spooled"])
async def test_what_came_under_another_file(sources: Them, waits: str, then: str) -> None:
    """It was answered 202 while its source was a rehearsal, and is proved or drained since."""
    async with sources() as them:
        if then == "mode":
            them.configure(SOURCES, policy={"mode": "preview"})
        else:
            them.configure(changed("cw", confirm_delete=False))
        await _in_force(them)
        body, came = them.callback(), them.it.clock()
        headers = them.signed("cw", body)
        if waits == "quarantined":
            them.keys.answer = SigningKeyUnavailable
            kept = (await them.intake.accept("cw", headers, body)).delivery_id
        them.it.clock.forward(hours=1)
        keys = them.keys
        them.configure(SOURCES)
        await _in_force(them)
        them.intake.keys, keys.answer = keys, SIGNING_KEY
        if waits == "quarantined":
            await them.intake.release(kept)
        else:
            spooled = Spooled("dlv_1", "cw", "connectwise", came, tuple(headers.items), body)
            await them.intake.unspool(spooled)
        (found,) = await them.all_settled()
        await them.untouched()
        assert found.state == "awaiting_approval"
        await them.approve(found)
        assert (await them.settle(found.id)).state == "deleted"


async def test_what_asks_for_more_than_what_it_would_join(sources: Them) -> None:
    """The one that is open asks for a rehearsal: the real one is not swallowed by it."""
    async with sources() as them:
        them.configure(SOURCES, policy={"mode": "preview"})
        first = await created(them.cw())
        them.configure(SOURCES)
        second = await created(them.cw())
        assert (await them.settle(first)).state == "previewed"
        assert (await them.settle(second)).state == "deleted"


async def test_nobody_is_an_operator_any_more(sources: Them) -> None:
    """The whole table is gone from the file, its tokens leaked perhaps."""
    async with sources(grace_period="48h") as them:
        them.configure(SOURCES, operators=_operators(alice=["request"], carol=["approve"]))
        name, _ = await them.it.ledger.deletions.create(
            deletion_id="del_1",
            request=DeletionRequest(org_id=ORG, org_name=NAME, confirm_delete=True),
            operator="alice",
            callback_url="",
            idempotency_key=None,
            now=them.it.clock(),
            asked_as=known_as("alice", them.settings),
        )
        await them.in_grace(name)
        them.configure(SOURCES)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
