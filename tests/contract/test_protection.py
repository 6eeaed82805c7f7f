"""Once protected, an organization stays until an admin ends it, whatever the file says now."""

from typing import Any

import pytest

from tests.contract.conftest import Rehearse
from tests.support.audit import audited
from tests.support.clock import TestClock
from tests.support.rehearsal import TEST_COMPANY
from workers.ledger.ledger import Ledger
from workers.processes.duties import duties
from workers.processes.queue import JobQueue


def gates(result: dict[str, Any]) -> list[str]:
    return [error["message"].split(":")[0] for error in result["errors"]]


@pytest.mark.parametrize("force", [False, True])
async def test_a_protected_organization_is_not_deleted(rehearse: Rehearse, *, force: bool) -> None:
    async with rehearse() as it:
        await it.ledger.protections.protect(
            TEST_COMPANY, it.clock(), how="api", by="carol", reason="they pay until May"
        )
        result = await it.run(await it.ask(org_id=TEST_COMPANY, force_delete=force))

        assert gates(result) == ["protection"]
        message = result["errors"][0]["message"]
        assert "operator carol at 2026-11-23T12:00:00Z: they pay until May" in message
        assert await it.deletes() == []


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_tag_once_seen_protects_for_good(rehearse: Rehearse, *, dry_run: bool) -> None:
    async with rehearse(blocking_tags=[]) as it:
        await it.change(TEST_COMPANY, **{"quick-notes": "Please #Keep until they pay"})
        await it.run(await it.ask(org_id=TEST_COMPANY, dry_run=dry_run))
        await it.change(TEST_COMPANY, **{"quick-notes": None})
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert gates(result) == ["protection"]
        assert "tag #keep" in result["errors"][0]["message"]
        assert await it.deletes() == []


async def test_an_id_of_the_file_outlives_the_file(
    rehearse: Rehearse, ledger: Ledger, clock: TestClock, valkey_url: str
) -> None:
    async with rehearse(protected_ids=[TEST_COMPANY]) as it:
        jobs = JobQueue(valkey_url)
        for duty in duties(it.settings, ledger, jobs):
            if await ledger.ticks.claim(duty.name, duty.every):
                await duty.run(clock())
        jobs.close()
        it.reconfigure(protected_ids=[])
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert gates(result) == ["protection"]
        assert "policy.protected_ids" in result["errors"][0]["message"]


async def test_an_id_of_the_file_that_only_a_plan_saw_outlives_it(rehearse: Rehearse) -> None:
    async with rehearse(protected_ids=[TEST_COMPANY]) as it:
        await it.run(await it.ask(org_id=TEST_COMPANY, dry_run=True))
        it.reconfigure(protected_ids=[])
        assert gates(await it.run(await it.ask(org_id=TEST_COMPANY))) == ["protection"]


async def test_changes_are_recorded(rehearse: Rehearse, ledger: Ledger, valkey_url: str) -> None:
    async with rehearse(protected_ids=["301"]) as it:
        jobs = JobQueue(valkey_url)
        names = {duty.name for duty in duties(it.settings, ledger, jobs)}
        it.reconfigure(protected_ids=["301", "302"])
        assert names != {duty.name for duty in duties(it.settings, ledger, jobs)}
        jobs.close()


async def test_an_admin_ends_it(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        now = it.clock()
        await it.ledger.protections.protect(TEST_COMPANY, now, how="api", by="carol", reason="r")
        for _ in range(2):  # as a repeated command would
            ended = await it.ledger.protections.unprotect(
                TEST_COMPANY, now, operator="alice", reason="paid"
            )
            assert ended.by == "carol"
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert result["deleted"] is True
        assert await audited(it.ledger, "protected", "unprotected") == [
            {
                "what": "protected", "at": 1000 * now.timestamp(), "org_id": TEST_COMPANY,
                "operator": "carol", "reason": "r", "how": "api",
            },
            {
                "what": "unprotected", "at": 1000 * now.timestamp(), "org_id": TEST_COMPANY,
                "operator": "alice", "reason": "paid",
            },
        ]  # fmt: skip


async def test_protected_at_the_last(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    """After everything was looked at, right before the script that grants the call."""
    async with rehearse() as it:
        begin = it.ledger.deletions.begin_delete

        async def protect_first(*args: Any, **rest: Any) -> Any:
            await it.ledger.protections.protect(
                TEST_COMPANY, it.clock(), how="api", by="carol", reason="stop"
            )
            return await begin(*args, **rest)

        monkeypatch.setattr(it.ledger.deletions, "begin_delete", protect_first)
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        result = await it.run(deletion_id)

        assert gates(result) == ["protection"]
        journal = (await it.ledger.views.of(deletion_id)).journal
        assert [entry["why"] for entry in journal if entry["entry"] == "not_begun"] == ["protected"]
        assert await it.deletes() == []


@pytest.mark.parametrize("worked", [False, True])
async def test_protected_after_an_unanswered_call(rehearse: Rehearse, *, worked: bool) -> None:
    """Only looking ends it: it was deleted, or nobody can show it (ADR 0005); no second call."""
    fault = "drop-after:1" if worked else "drop-before:1"
    async with rehearse(fault) as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        deletion = await it.advance(deletion_id)
        assert deletion.intent.unanswered
        await it.ledger.protections.protect(
            TEST_COMPANY, it.clock(), how="api", by="carol", reason="stop"
        )
        result = await it.run(deletion_id)

        assert len(await it.deletes()) == 1
        assert result["deleted"] is worked
        if not worked:
            assert [error["code"] for error in result["errors"]] == ["DeletionUnverified"]
