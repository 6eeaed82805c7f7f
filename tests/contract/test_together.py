"""Safeguards that meet: a call that was not answered, while something else stands in the way."""

from datetime import timedelta
from pathlib import Path

from tests.contract.conftest import Rehearse
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from workers.times.clock import to_ms


def replace_by_a_file(folder: Path) -> None:
    (path,) = folder.iterdir()
    path.unlink()
    folder.rmdir()
    folder.touch()


async def unanswered(it: Rehearsal, deletion_id: str) -> None:
    """Work until a DELETE went out and nobody heard the answer."""
    while not (held := await it.advance(deletion_id)).intent.unanswered:
        it.clock.now = max(held.ready_at, it.clock() + timedelta(milliseconds=1))


async def test_a_failed_export_does_not_end_a_sent_one(rehearse: Rehearse, tmp_path: Path) -> None:
    async with rehearse("drop-before:1", export=True, export_dir=str(tmp_path)) as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        await unanswered(it, deletion_id)
        replace_by_a_file(tmp_path)
        result = await it.run(deletion_id)
        assert [error["code"] for error in result["errors"]] == ["DeletionUnverified"]


async def test_a_spool_that_is_lost_does_not_hold_up_the_result(rehearse: Rehearse) -> None:
    async with rehearse("drop-before:1", approval="never") as it:
        receipt = await it.event()
        deletion_id = str(receipt.deletion_id)
        await unanswered(it, deletion_id)
        await it.ledger.spools.beat(
            "spl_1", it.clock(), where="box:/spool", waiting=1, oldest=it.clock()
        )
        result = await it.run(deletion_id, most=timedelta(hours=7))
        assert [error["code"] for error in result["errors"]] == ["DeletionUnverified"]
        assert len(await it.deletes()) <= 1


async def test_calls_that_never_went_out_do_not_end_the_looking(rehearse: Rehearse) -> None:
    async with rehearse("drop-after@DELETE:1", "lag=1800") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        name = it.ledger.store.key("deletion", deletion_id)
        await it.ledger.store.redis.hset(name, "intent_no", "4")
        await unanswered(it, deletion_id)
        result = await it.run(deletion_id)
        assert result["deleted"] is True
        assert len(await it.deletes()) == 1


async def test_what_is_not_found_late_is_looked_at_once_more(rehearse: Rehearse) -> None:
    """The worker died between its look and its plan, and nobody came for hours."""
    async with rehearse("drop-after@DELETE:1") as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        await unanswered(it, deletion_id)
        name = it.ledger.store.key("deletion", deletion_id)
        await it.ledger.store.redis.hset(name, "step", "plan")
        it.clock.forward(hours=7)
        result = await it.run(deletion_id)
        assert result["deleted"] is True


async def test_a_cancel_repeated_over_a_broken_connection_is_one(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        said = [deletion_id, to_ms(it.clock()), "alice", "[]"]
        answers = [await it.ledger.store.run("cancel", *said) for _ in range(2)]
        assert answers == [b"cancelled", b"cancelled"]
        other = [*said[:2], "bob", "[]"]
        assert await it.ledger.store.run("cancel", *other) == b"terminal"
        assert (await it.journal(deletion_id)).count("cancelled") == 1
