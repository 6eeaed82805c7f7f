"""After everything is decided there is time in which it can still be stopped."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.errors import Conflict
from tests.contract.conftest import Rehearse
from tests.contract.test_approval import asked_by_webhook, lines, with_source
from tests.support.deletions import approved, cancelled
from tests.support.deletions import begun as asked_to_begin
from tests.support.rehearsal import NO_LIMITS, TEST_COMPANY, Rehearsal
from tests.support.sweeps import Sweeping
from workers.ledger.deleting.deletions import Begun, Conditions
from workers.ledger.records import Deletion
from workers.times.clock import rfc3339


async def scheduled(it: Rehearsal, **fields: Any) -> Deletion:
    receipt = await it.event(**fields)
    deletion = await it.advance(str(receipt.deletion_id))
    assert deletion.state == "scheduled"
    return deletion


async def test_it_is_scheduled_and_goes_when_the_time_is_over(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="48h") as it:
        held = await scheduled(it)
        due = it.clock() + timedelta(hours=48)
        assert held.ready_at == due
        (line,) = await lines(it, held.id, "scheduled")
        assert line["until"] == rfc3339(due)
        it.clock.now = due - timedelta(seconds=1)
        assert (await it.advance(held.id)).state == "scheduled"
        assert await it.deletes() == []
        result = await it.run(held.id)
        assert result["deleted"] is True
        assert it.clock() >= due
        assert (await it.journal(held.id)).count("planned") == 2


async def test_a_clock_ahead_is_no_help(
    rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By less than is noticed: it asks again, and plans nothing anew meanwhile."""
    async with rehearse(grace_period="48h") as it:
        held = await scheduled(it)
        ask = it.ledger.deletions.begin_delete

        async def asked(*args: Any, now: datetime, **more: Any) -> Begun:
            return await ask(*args, now=now - timedelta(seconds=1.5), **more)

        with monkeypatch.context() as patched:
            patched.setattr(it.ledger.deletions, "begin_delete", asked)
            it.clock.now = held.ready_at
            held = await it.advance(held.id)
        assert (held.state, held.step) == ("retrying", "delete")
        assert held.ready_at == it.clock() + timedelta(seconds=2)
        assert (await it.journal(held.id)).count("planned") == 2
        assert (await it.run(held.id))["deleted"] is True
        assert (await it.journal(held.id)).count("planned") == 2


@pytest.mark.parametrize("kind", ["person", "reactivation"])
async def test_it_can_be_stopped_meanwhile(rehearse: Rehearse, kind: str) -> None:
    async with rehearse(grace_period="48h") as it:
        held = await scheduled(it)
        if kind == "person":
            await cancelled(it.ledger, held.id, it.clock())
        else:
            await it.event(active=True)
        it.clock.forward(days=3)
        assert (await it.advance(held.id)).state == "cancelled"
        assert await it.deletes() == []


async def test_approval_comes_first_and_then_the_grace(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="1h") as it:
        held = await asked_by_webhook(it)
        assert held.state == "awaiting_approval"
        it.clock.forward(hours=5)
        await approved(it.ledger, held, it.clock())
        held = await it.advance(held.id)
        assert (held.state, held.ready_at) == ("scheduled", it.clock() + timedelta(hours=1))
        with pytest.raises(Conflict, match="already approved by carol"):
            await approved(it.ledger, held, it.clock(), "bob")
        assert (await it.run(held.id))["deleted"] is True


@pytest.mark.parametrize(
    ("policy", "source", "hours"), [("2h", "1h", 2), ("1h", "2h", 2), ("0s", "3h", 3)]
)
async def test_a_source_lengthens(rehearse: Rehearse, policy: str, source: str, hours: int) -> None:
    async with rehearse(grace_period=policy) as it:
        with_source(it, grace_period=source)
        held = await scheduled(it)
        assert held.ready_at == it.clock() + timedelta(hours=hours)


async def test_nothing_written_is_a_day_for_what_no_person_asked(rehearse: Rehearse) -> None:
    """The same of a webhook is in test_never_silently.py."""
    async with rehearse(grace_period=None) as it:
        sweeping = Sweeping(it)
        await sweeping.summary()
        swept = await sweeping.deletions()
        assert swept
        for each in swept:
            if (held := await it.advance(each.id)).state != "blocked":
                break
        assert (held.state, held.ready_at) == ("scheduled", it.clock() + timedelta(hours=24))


async def test_nothing_written_is_nothing_for_a_request(rehearse: Rehearse) -> None:
    async with rehearse(grace_period=None) as it:
        assert (await it.run(await it.ask(org_id=TEST_COMPANY)))["deleted"] is True
        assert "scheduled" not in await it.journal("del_api1")


async def test_what_is_written_counts_for_requests_too(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="2h") as it:
        held = await it.advance(await it.ask(org_id=TEST_COMPANY))
        assert (held.state, held.ready_at) == ("scheduled", it.clock() + timedelta(hours=2))


async def test_a_longer_grace_counts_and_a_shorter_one_does_not(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="2h") as it:
        held = await scheduled(it)
        begun = it.clock()
        it.reconfigure(grace_period="5h")
        it.clock.now = held.ready_at
        held = await it.advance(held.id)
        assert (held.state, held.ready_at) == ("scheduled", begun + timedelta(hours=5))
        it.reconfigure(grace_period="1h")
        await it.ledger.store.redis.hset(it.ledger.store.key("deletion", held.id), "ready_at", 0)
        held = await it.advance(held.id)
        assert (held.state, held.ready_at) == ("scheduled", begun + timedelta(hours=5))
        assert (await it.run(held.id))["deleted"] is True


async def test_a_grace_that_begins_to_be_asked_for_is_kept(rehearse: Rehearse) -> None:
    """Configured between the plan and the call."""
    async with rehearse() as it:
        receipt = await it.event()
        held = await it.ledger.deletions.lease(str(receipt.deletion_id), it.clock())
        assert held is not None
        it.reconfigure(grace_period="1h")
        begun = await asked_to_begin(
            it.ledger,
            held,
            it.clock(),
            org_id=TEST_COMPANY,
            digest="",
            conditions=Conditions(grace=timedelta(hours=1)),
        )
        assert begun.decision != "begun"


async def test_what_grew_meanwhile_asks_again_without_another_grace(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="1d", dependency_limits={**NO_LIMITS, "assets": 5}) as it:
        held = await asked_by_webhook(it)
        await approved(it.ledger, held, it.clock())
        held = await it.advance(held.id)
        assert held.state == "scheduled"
        it.fill(TEST_COMPANY, "flexible-assets", 1)
        it.clock.now = held.ready_at
        held = await it.advance(held.id)
        assert held.state == "awaiting_approval"
        assert held.asked is not None
        assert held.asked.moved == ("flexible assets: 0 → 1",)
        await approved(it.ledger, held, it.clock())
        held = await it.advance(held.id)
        assert (held.state, held.intent.number) == ("verifying", 1)


async def test_another_meaning_begins_another_grace(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="1d") as it:
        held = await it.advance(await it.ask(org_id=TEST_COMPANY))
        assert held.state == "scheduled"
        await it.change(TEST_COMPANY, name="Another Company")
        it.clock.now = held.ready_at
        held = await it.advance(held.id)
        assert held.state == "awaiting_approval"
        await approved(it.ledger, held, it.clock())
        held = await it.advance(held.id)
        assert (held.state, held.ready_at) == ("scheduled", it.clock() + timedelta(days=1))


async def test_a_preview_waits_for_nothing(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="1d", approval="always") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY, dry_run=True))
        assert result["details"]["state"] == "previewed"


async def test_the_export_is_made_after_the_grace(rehearse: Rehearse, tmp_path: Any) -> None:
    async with rehearse(grace_period="1h", export=True, export_dir=str(tmp_path)) as it:
        held = await scheduled(it)
        assert held.export is None
        assert (await it.run(held.id))["deleted"] is True
        entries = await it.journal(held.id)
        order = [each for each in entries if each in {"scheduled", "export_asked", "intent"}]
        assert order == ["scheduled", "export_asked", "intent"]
