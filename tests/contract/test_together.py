"""Safeguards that meet: a call that was not answered, while something else stands in the way."""

from datetime import timedelta
from pathlib import Path

from tests.contract.conftest import Rehearse
from tests.support.rehearsal import TEST_COMPANY


def replace_by_a_file(folder: Path) -> None:
    (path,) = folder.iterdir()
    path.unlink()
    folder.rmdir()
    folder.touch()


async def test_an_export_that_fails_does_not_end_what_may_have_worked(
    rehearse: Rehearse, tmp_path: Path
) -> None:
    async with rehearse("drop-before:1", export=True, export_dir=str(tmp_path)) as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        while not (held := await it.advance(deletion_id)).intent.unanswered:
            it.clock.now = max(held.ready_at, it.clock() + timedelta(milliseconds=1))
        replace_by_a_file(tmp_path)
        result = await it.run(deletion_id)
        assert [error["code"] for error in result["errors"]] == ["DeletionUnverified"]


async def test_a_spool_that_never_comes_back_does_not_hold_up_the_result(
    rehearse: Rehearse,
) -> None:
    async with rehearse("drop-before:1", approval="never") as it:
        receipt = await it.event()
        deletion_id = str(receipt.deletion_id)
        while not (held := await it.advance(deletion_id)).intent.unanswered:
            it.clock.now = max(held.ready_at, it.clock() + timedelta(milliseconds=1))
        await it.ledger.spools.beat(
            "spl_1", it.clock(), where="box:/spool", waiting=1, oldest=it.clock()
        )
        result = await it.run(deletion_id, most=timedelta(hours=7))
        assert [error["code"] for error in result["errors"]] == ["DeletionUnverified"]
        assert len(await it.deletes()) <= 1
