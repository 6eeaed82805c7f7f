"""What is done is what was decided: no harder act, no other subject, on nobody else's word."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.sandbox.shapes import Psa, SeedOrganization
from tests.contract.conftest import Rehearse, Them
from tests.support.links import Links
from tests.support.sources import (
    CE,
    CW,
    NAME,
    ORG,
    SOURCES,
    Sources,
    account,
    changed,
    created,
    without,
)
from tests.support.sweeps import CRON
from workers.audit.configuration import record_configuration
from workers.bulk.sweep.walk import advance_sweep
from workers.ledger.records import Deletion
from workers.pipeline.advance import advance
from workers.times.clock import rfc3339

HELD = {"awaiting_approval", "blocked", "cancelled", "failed", "soft_deleted", "previewed"}
SOFT = {"mode": "soft_delete", "soft_delete_status": "Active"}


def free(**more: Any) -> dict[str, Any]:
    """A client that no PSA synchronizes, so that its status may be set."""
    return account(psa=Psa("manage", "250", synced=False), **more)


async def _waits(them: Sources, asked: str = "api") -> Deletion:
    """In its grace period, approved if somebody has to be asked."""
    match asked:
        case "api":
            name = await them.it.ask(org_id=ORG, org_name=NAME)
        case "cw":
            name = await created(them.cw())
        case _:
            name = await created(them.std())
    return await them.in_grace(name)


# -- the act ----------------------------------------------------------------------------------


@pytest.mark.parametrize("approval", ["always", "webhooks"])
@pytest.mark.parametrize("asked", ["api", "cw"])
async def test_soft_does_not_become_hard(sources: Them, asked: str, approval: str) -> None:
    async with sources(sandbox=free(), grace_period="48h", approval=approval, **SOFT) as them:
        found = await _waits(them, asked)
        them.it.clock.forward(hours=10)
        them.configure(SOURCES, policy={"mode": "delete"})
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state in HELD


@pytest.mark.parametrize("when", ["queued", "awaiting", "paused"])
async def test_the_mode_changes_at_another_moment(sources: Them, when: str) -> None:
    approval = "always" if when == "awaiting" else "webhooks"
    async with sources(sandbox=free(), approval=approval, **SOFT) as them:
        name = await them.it.ask(org_id=ORG, org_name=NAME)
        if when == "paused":
            await them.pause()
        if when != "queued":
            await them.once(name)
        if when == "awaiting":
            await them.approve(await them.it.ledger.deletions.get(name))
        them.configure(SOURCES, policy={"mode": "delete"})
        await them.resume()
        them.it.clock.forward(seconds=16)
        found = await them.settle(name)
        if when == "queued" and found.mode == "delete":
            pytest.fail("asked for under soft_delete, and carried out as a deletion")
        await them.untouched()


async def test_a_preview_that_waits_is_not_carried_out(sources: Them) -> None:
    async with sources(sandbox=free(), mode="preview") as them:
        name = str((await them.cw()).strongest.deletion_id)
        them.configure(SOURCES, policy={"mode": "delete"})
        await them.settle(name)
        await them.untouched()


async def test_a_hard_deletion_may_become_a_soft_one(sources: Them) -> None:
    async with sources(sandbox=free(), grace_period="48h", soft_delete_status="Active") as them:
        found = await _waits(them)
        them.configure(SOURCES, policy={"mode": "soft_delete"})
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state in {"soft_deleted", "awaiting_approval"}


async def test_who_is_asked_again_has_the_last_word(sources: Them) -> None:
    async with sources(sandbox=free(), grace_period="1h", approval="always", **SOFT) as them:
        found = await _waits(them)
        them.configure(SOURCES, policy={"mode": "delete"})
        found = await them.settle(found.id)
        assert found.state == "awaiting_approval"
        await them.approve(found)
        found = await them.settle(found.id)
        # The milder of then and now is what was shown, and what is done.
        assert (found.state, len(await them.it.deletes())) == ("soft_deleted", 0)


@pytest.mark.parametrize(
    "then", [{"export": False}, {"export": True, "export_include_logs": False}]
)
async def test_export_is_approved(sources: Them, tmp_path: Path, then: dict[str, Any]) -> None:
    export = {"export": True, "export_include_logs": True, "export_dir": str(tmp_path)}
    async with sources(grace_period="48h", approval="always", **export) as them:
        found = await _waits(them)
        them.configure(SOURCES, policy=then)
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state == "awaiting_approval"


async def test_export_outlasts_a_milder_mode(sources: Them, tmp_path: Path) -> None:
    """Planned as a copy and a deletion, then as a status, then as a deletion without a copy."""
    export = {"export": True, "export_include_logs": True, "export_dir": str(tmp_path)}
    async with sources(grace_period="48h", **export) as them:
        found = await _waits(them)
        for mode in ("soft_delete", "delete"):
            them.configure(SOURCES, policy={"mode": mode, "export": False})
            them.it.clock.now = found.ready_at
            found = await them.it.advance(found.id)
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "export is False now" in await them.shown(found)


@pytest.mark.parametrize(
    ("asked", "then"), [("api", {"export": False}), ("cw", {"export_include_logs": False})]
)
async def test_export_is_planned(
    sources: Them, tmp_path: Path, asked: str, then: dict[str, Any]
) -> None:
    """Nobody was asked, so nobody decided that there is to be less of a copy than there was."""
    export = {"export": True, "export_include_logs": True, "export_dir": str(tmp_path)}
    async with sources(grace_period="48h", **export) as them:
        found = await _waits(them, asked)
        them.configure(SOURCES, policy=then)
        found = await them.settle(found.id)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert f"{next(iter(then)).removeprefix('export_include_')} is False now" in (
            await them.shown(found)
        )
        await them.approve(found)
        found = await them.settle(found.id)
        # The milder of then and now is what was shown, and what is done.
        assert found.state == "deleted", found.errors
        assert found.export
        assert found.plan
        assert found.plan.act["logs"]


async def test_the_status_that_was_planned_is_set(sources: Them) -> None:
    async with sources(sandbox=free(), grace_period="48h", **SOFT) as them:
        found = await _waits(them)
        them.configure(SOURCES, policy={"soft_delete_status": "Inactive"})
        found = await them.settle(found.id)
        assert found.state == "awaiting_approval"
        await them.approve(found)
        assert (await them.settle(found.id)).state == "soft_deleted"
        (organization,) = [
            each for each in them.it.world.organizations.values() if each.name == NAME
        ]
        assert them.it.world.statuses[organization.status_id] == "Active"


# -- the subject ------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["api", "std", "approved"])
@pytest.mark.parametrize("change", ["renamed", "recreated", "relinked", "unlinked"])
async def test_the_subject_moves_meanwhile(rehearse: Rehearse, asked: str, change: str) -> None:
    approval = "always" if asked == "approved" else "webhooks"
    making = rehearse(sandbox=account(), grace_period="48h", approval=approval)
    links = Links()
    making.in_front = links.in_front
    async with making as it:
        them = Sources(it)
        name = await it.ask(org_id=ORG) if asked != "std" else ""
        if asked == "std":
            name = str((await them.std(org_id=ORG)).strongest.deletion_id)
        found = await them.settle(name, until="scheduled")
        if found.state == "awaiting_approval":
            await them.approve(found)
            found = await them.settle(name, until="scheduled")
        it.clock.forward(hours=1)
        match change:
            case "renamed":
                await it.change(ORG, name="Quite Another Client Ltd")
            case "recreated":
                await it.change(ORG, recreate=True)
            case "relinked":
                link = {"integration": "manage", "company_id": "999", "synced": True}
                await it.change(ORG, psa=link)
            case _:
                await it.change(ORG, psa=None)
        found = await them.settle(name)
        await them.untouched()
        assert found.state in HELD
        if found.state == "awaiting_approval":
            await them.approve(found)
            found = await them.settle(name)
            assert found.state == "deleted", found.errors


async def test_a_client_of_a_link_is_renamed_twice(sources: Them) -> None:
    """And back: what was decided is again what there is."""
    async with sources(grace_period="48h") as them:
        found = await _waits(them, "cw")
        await them.it.change(ORG, name="Other")
        await them.it.change(ORG, name=NAME)
        found = await them.settle(found.id)
        assert found.state == "deleted", found.errors


@pytest.mark.parametrize("asked", ["api", "std"])
async def test_a_bare_id_that_is_replayed_means_whom_it_meant(sources: Them, asked: str) -> None:
    """One by one or in bulk: who replays it has the old name before his eyes, if any."""
    async with sources(eligible_types=["Prospect"]) as them:
        name = (
            await them.it.ask(org_id=ORG) if asked == "api" else await created(them.std(org_id=ORG))
        )
        assert (await them.settle(name)).state == "blocked"
        await them.it.change(ORG, name="Quite Another Client Ltd")
        them.configure(SOURCES, policy={"eligible_types": []})
        await them.it.replay(name)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        await them.approve(found)
        assert (await them.settle(name)).state == "deleted"


async def test_a_name_that_became_anothers_is_replayed(sources: Them) -> None:
    """Who replays it has the first organization's number and plan before his eyes."""
    other = SeedOrganization(id=402, name="Other Client", status="Inactive")
    async with sources(sandbox=account(other), eligible_types=["Prospect"]) as them:
        name = await them.it.ask(org_name=NAME)
        assert (await them.settle(name)).state == "blocked"
        await them.it.change(ORG, name=f"{NAME} before the merger")
        await them.it.change("402", name=NAME)
        them.configure(SOURCES, policy={"eligible_types": []})
        await them.it.replay(name)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "id was '401' and is '402'" in await them.shown(found)


@pytest.mark.parametrize(("asked", "later"), [("api", {"days": 9}), ("ninja", {"minutes": -30})])
async def test_an_organization_that_was_made_since_it_was_asked_for(
    sources: Them, asked: str, later: dict[str, float]
) -> None:
    """None of the name was there; an event counts as of what it speaks of, however late it came."""
    async with sources() as them:
        await them.it.change(ORG, name="Violet Pumps")
        now = them.it.clock()
        if asked == "api":
            name = await them.it.ask(org_name=NAME)
        else:
            name = await created(them.ninja(at=now - timedelta(hours=1)))
        assert (await them.settle(name)).terminal
        them.it.clock.forward(days=30)
        await them.it.change(ORG, name=NAME)
        them.it.world.organizations[int(ORG)].created_at = rfc3339(now + timedelta(**later))
        await them.it.replay(name)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "it was made at" in await them.shown(found)


async def test_a_name_that_was_corrected_is_replayed(sources: Them) -> None:
    async with sources() as them:
        await them.it.change(ORG, name="Violet Pumps")
        name = await created(them.cw())
        assert (await them.settle(name)).state == "blocked"
        await them.it.change(ORG, name=NAME)
        await them.it.replay(name)
        assert (await them.settle(name)).state == "deleted"


async def test_counts_that_move_are_judged_afresh(rehearse: Rehearse) -> None:
    async with rehearse(
        sandbox=account(), grace_period="1h", dependency_limits={"configs": 3}
    ) as it:
        them = Sources(it)
        found = await _waits(them)
        it.fill(ORG, "configurations", 2)
        assert (await them.settle(found.id)).state == "deleted"


# -- a schedule's criteria -------------------------------------------------------------------


SCHEDULE = {
    "cron": CRON,
    "confirm_delete": True,
    "max_share": 1.0,
    "required_tags": ["#offboarded"],
}
TAGGED: dict[str, Any] = {"description": "contract ended #offboarded", "idle_days": 100}


async def _swept(them: Sources, **schedule: Any) -> str:
    them.configure(SOURCES, schedules={"one": {**SCHEDULE, **schedule}})
    name = them.new_id("swp")
    await them.it.ledger.sweeps.begin(name, "one", by="alice", preview=False, now=them.it.clock())

    async def enqueue(deletion_id: str, number: int) -> None:
        del deletion_id, number

    await advance_sweep(name, them.it.context, enqueue, them.new_id)
    (deletion_id,) = await them.open()
    return deletion_id


@pytest.mark.parametrize("when", ["grace", "queued", "paused", "limit"])
@pytest.mark.parametrize("stop", ["tag", "type", "status"])
async def test_the_criteria_hold_until_the_call(sources: Them, stop: str, when: str) -> None:
    policy: dict[str, Any] = {"eligible_statuses": []}
    if when == "grace":
        policy["grace_period"] = "1h"
    if when == "limit":
        policy["max_deletions_per_day"] = 1
    other = SeedOrganization(id=402, name="Other Client", status="Inactive")
    async with sources(sandbox=account(other, **TAGGED), **policy) as them:
        name = await _swept(them, types=["Customer"], statuses=["Inactive"])
        if when == "limit":
            await them.it.run(await them.it.ask(org_id="402", org_name="Other Client"))
        if when == "paused":
            await them.pause()
        if when != "queued":
            await them.once(name)
        match stop:
            case "tag":
                await them.it.change(ORG, description="they stay")
            case "type":
                await them.it.change(ORG, type="Owner")
            case _:
                await them.it.change(ORG, status="Active")
        await them.resume()
        them.it.clock.forward(seconds=16)
        found = await them.settle(name)
        if found.state == "awaiting_approval" and when == "limit":
            await them.approve(found)
            found = await them.settle(name)
        assert await them.it.exists(ORG)
        assert found.state in HELD


async def test_a_schedules_status_counts_where_a_status_is_set(sources: Them) -> None:
    """The policy's is not asked then, for it is what changes."""
    async with sources(sandbox=free(**TAGGED), grace_period="1h", **SOFT) as them:
        name = await _swept(them, statuses=["Inactive"])
        await them.once(name, "scheduled")
        them.it.world.statuses[3] = "On hold"
        await them.it.change(ORG, status="On hold")
        assert (await them.settle(name)).state == "blocked"


@pytest.mark.parametrize("then", ["gone", "unconfirmed", "rehearsal", "narrower"])
async def test_the_schedule_as_it_is_now(sources: Them, then: str) -> None:
    async with sources(sandbox=account(**TAGGED), grace_period="48h") as them:
        name = await _swept(them)
        await them.once(name, "scheduled")
        match then:
            case "gone":
                them.configure(SOURCES)
            case "unconfirmed":
                schedule = {**SCHEDULE, "confirm_delete": False}
                them.configure(SOURCES, schedules={"one": schedule})
            case "rehearsal":
                them.configure(SOURCES, schedules={"one": {**SCHEDULE, "dry_run": True}})
            case _:
                schedule = {**SCHEDULE, "required_tags": ["#offboarded", "#signed"]}
                them.configure(SOURCES, schedules={"one": schedule})
        found = await them.settle(name)
        await them.untouched()
        assert found.state in HELD


async def test_what_still_meets_the_criteria_goes(sources: Them) -> None:
    async with sources(sandbox=account(**TAGGED), grace_period="48h") as them:
        assert (await them.settle(await _swept(them, idle_days=30))).state == "deleted"


# -- on whose word ----------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["cw", "std"])
@pytest.mark.parametrize("then", ["distrusted", "removed", "another_vendor"])
@pytest.mark.parametrize("when", ["grace", "queued", "paused"])
async def test_the_source_as_of_now(sources: Them, asked: str, then: str, when: str) -> None:
    grace = "48h" if when == "grace" else "0s"
    async with sources(grace_period=grace) as them:
        sent = await (them.cw() if asked == "cw" else them.std())
        name = str(sent.strongest.deletion_id)
        if when == "paused":
            await them.pause()
        if when != "queued":
            await them.once(name)
        match then:
            case "distrusted":
                them.configure(changed(asked, confirm_delete=False))
            case "removed":
                them.configure(without(SOURCES, asked))
            case _:
                them.configure({**without(SOURCES, "ce"), asked: CE})
        await them.resume()
        them.it.clock.forward(seconds=16)
        found = await them.settle(name)
        await them.untouched()
        assert found.state in {"awaiting_approval", "blocked"}


def _operators(**roles: list[str]) -> dict[str, Any]:
    return {
        name: {"token_sha256": digit * 64, "roles": each}
        for digit, (name, each) in zip("abc", roles.items(), strict=False)
    }


@pytest.mark.parametrize("then", ["gone", "of no role"])
@pytest.mark.parametrize("who", ["alice", "carol"])
async def test_the_operators_as_configured_now(rehearse: Rehearse, who: str, then: str) -> None:
    """Whoever asked, or approved, and has left meanwhile or whose token leaked."""
    approval = "always" if who == "carol" else "webhooks"
    async with rehearse(sandbox=account(), grace_period="48h", approval=approval) as it:
        roles = {"alice": ["request"], "carol": ["approve"], "dave": ["approve"]}
        them = Sources(it, operators=_operators(**roles))
        waiting = await _waits(them)
        them.configure(SOURCES, operators=_operators(**roles | {who: []}))
        if then == "gone":
            del roles[who]
            them.configure(SOURCES, operators=_operators(**roles))
        found = await them.settle(waiting.id)
        assert found.state == "awaiting_approval"
        await them.untouched()
        await them.approve(found, operator="dave")
        assert (await them.settle(found.id)).state == "deleted"


async def test_trust_that_comes_later_is_not_for_what_came_before(sources: Them) -> None:
    async with sources() as them:
        them.configure(changed("cw", confirm_delete=False))
        name = str((await them.cw()).strongest.deletion_id)
        await them.once(name, "awaiting_approval")
        them.configure(SOURCES)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"


# -- by which file ----------------------------------------------------------------------------


STRICTER: dict[str, dict[str, Any]] = {
    "only_ids": {"only_ids": ["999"]},
    "protected": {"protected_names": ["Violet*"]},
    "approval": {"approval": "always"},
    "grace": {"grace_period": "48h"},
    "mode": {"mode": "preview"},
    "statuses": {"eligible_statuses": ["Active"]},
}


@pytest.mark.parametrize("policy", STRICTER)
async def test_a_worker_left_on_the_older_file_is_refused(sources: Them, policy: str) -> None:
    """The newest configuration in force is the stricter one."""
    async with sources() as them:
        await _started(them)
        left = them.it.context
        them.it.clock.forward(minutes=1)
        them.configure(SOURCES, policy=STRICTER[policy])
        await _started(them)
        name = str((await them.cw()).strongest.deletion_id)
        for _ in range(4):
            await advance(name, left)
            them.it.clock.forward(minutes=2)
        await them.untouched()
        found = await them.settle(name)
        assert found.state in {*HELD, "deleted"}
        assert bool(await them.it.deletes()) == (policy == "grace")


async def _started(them: Sources) -> None:
    """The service that starts says which configuration is in force."""
    await record_configuration(them.settings, them.it.ledger, "service", them.it.clock)


async def test_one_source_for_another(sources: Them) -> None:
    """A worker whose file does not know the source does not take it for another one."""
    async with sources(grace_period="1h") as them:
        name = str((await them.cw()).strongest.deletion_id)
        await them.once(name, "scheduled")
        them.configure({"cw": {**CW, "company": "Zinc"}})
        found = await them.settle(name)
        assert found.state in {"awaiting_approval", "blocked", "deleted"}
