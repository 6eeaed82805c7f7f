"""A worker that was left on another configuration is granted nothing."""

import asyncio
from typing import Any

import pytest

from tests.contract.conftest import Rehearse
from tests.support.ledgers import notice_kinds, restore, snapshot
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from workers.audit import configuration
from workers.audit.configuration import record_configuration, recorded
from workers.audit.in_force import policy_digest
from workers.ledger.records import Deletion
from workers.upkeep.continuity import Continuity
from workers.upkeep.witness import Witnesses


async def started(it: Rehearsal, part: str) -> None:
    await record_configuration(it.settings, it.ledger, part, it.clock)


async def refused(it: Rehearsal) -> Deletion:
    """A deletion of a worker whose file is not the service's."""
    ours = it.settings
    it.reconfigure(only_ids=["999"])
    await started(it, "service")
    it.set_settings(ours)
    return await it.advance(await it.ask(org_id=TEST_COMPANY))


async def test_what_the_service_started_with_counts(rehearse: Rehearse) -> None:
    """The worker's file lets everything go, the service's allows one organization."""
    async with rehearse() as it:
        await started(it, "worker")
        theirs = it.settings
        it.reconfigure(only_ids=["999"])
        await started(it, "service")
        tightened = it.settings

        it.set_settings(theirs)
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        held = await it.advance(deletion_id)
        assert (held.state, held.waits_for) == ("retrying", "configuration_differs")
        assert await it.deletes() == []
        assert "configuration_differs" in await notice_kinds(it.ledger)
        assert await it.ledger.in_force.others(it.clock()) == [policy_digest(theirs)]

        it.set_settings(tightened)
        it.clock.now = held.ready_at
        result = await it.run(deletion_id)
        assert [error["message"].split(":")[0] for error in result["errors"]] == ["only_ids"]
        assert await it.deletes() == []


async def test_a_worker_back_with_an_old_file_changes_nothing(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await started(it, "service")
        in_force = policy_digest(it.settings)
        it.reconfigure(approval="never")
        await started(it, "worker")
        await started(it, "scheduler")
        assert await it.ledger.in_force.digest() == in_force
        assert await it.ledger.in_force.others(it.clock()) == [policy_digest(it.settings)]


async def test_a_refused_one_goes_on_when_its_file_is_in_force(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await refused(it)
        assert held.waits_for == "configuration_differs"
        await started(it, "service")
        it.clock.now = held.ready_at
        assert (await it.run(held.id))["deleted"] is True
        assert await it.ledger.in_force.others(it.clock()) == []


async def test_that_it_is_refused_again_is_no_news(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        held = await refused(it)
        for _ in range(3):
            it.clock.now = held.ready_at
            held = await it.advance(held.id)
        assert (await it.journal(held.id)).count("not_begun") == 1
        assert (await notice_kinds(it.ledger)).count("configuration_differs") == 1


@pytest.mark.parametrize("lost", ["emptied", "restored"])
async def test_what_a_lost_ledger_held_in_force_is_said_anew(rehearse: Rehearse, lost: str) -> None:
    """Accepted, it knows no file or an older one: no worker left on that may act by it."""
    async with rehearse() as it:
        redis: Any = it.ledger.store.redis
        watching = Continuity(it.ledger, Witnesses((), writes=False), it.clock, "service")
        left_on = it.settings
        await started(it, "service")
        copy = {} if lost == "emptied" else await snapshot(redis)
        it.reconfigure(only_ids=["999"])
        await started(it, "service")
        assert await watching.look() is None
        await restore(redis, copy)
        assert await watching.look() == "ledger_lost"
        it.clock.forward(seconds=1)
        await it.ledger.stop_switch.resume("alice", "seen", it.clock(), accept_ledger=True)
        assert await watching.look() is None

        it.set_settings(left_on)
        await started(it, "worker")
        # Everybody has looked by then.
        it.clock.forward(seconds=3)
        asked = await it.ask(org_id=TEST_COMPANY)
        assert (await it.advance(asked)).waits_for == "configuration_differs"
        assert await it.deletes() == []


async def test_a_service_says_again_once_the_ledger_was_accepted(
    rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration, "_AGAIN_SECONDS", 0.02)
    async with rehearse() as it, recorded(it.settings, it.ledger, "service", it.clock):
        redis: Any = it.ledger.store.redis
        await redis.delete("unglue:in_force")
        assert not await it.ledger.in_force.unsaid()
        await redis.hset("unglue:ledger", "accepted_at", 1)
        for _ in range(200):
            if await it.ledger.in_force.digest() is not None:
                break
            await asyncio.sleep(0.02)
        assert await it.ledger.in_force.digest() == policy_digest(it.settings)
