"""Export before deleting."""

import hashlib
import stat
from pathlib import Path

import pytest

from tests.contract.conftest import Rehearse
from tests.support.rehearsal import TEST_COMPANY


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_export_is_on_disk_before_anything_is_deleted(
    rehearse: Rehearse, tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    async with rehearse(export=True, export_dir=str(folder)) as it:
        receipt = await it.event()
        first = await it.advance(str(receipt.deletion_id))
        assert first.state == "exporting"
        assert await it.deletes() == []
        result = await it.run(first.id)

        assert result["deleted"] is True
        (path,) = files(folder)
        content = path.read_bytes()
        assert result["details"]["export"] == {
            "file": str(path),
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        journal = await it.journal(first.id)
        assert journal.index("exported") < journal.index("intent")
        assert journal.count("planned") == 2


@pytest.mark.parametrize("fault", ["html@/exports", "html@/downloads/*", "forbid=exports,403"])
async def test_without_the_export_nothing_is_deleted(
    rehearse: Rehearse, tmp_path: Path, fault: str
) -> None:
    async with rehearse(fault, export=True, export_dir=str(tmp_path)) as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert result["deleted"] is False
        assert await it.deletes() == []
        assert files(tmp_path) == []


async def test_a_folder_that_cannot_be_written_blocks(rehearse: Rehearse, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with rehearse(export=True, export_dir=str(tmp_path / "file")) as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))

        assert result["details"]["state"] == "blocked"
        assert "could not be written" in result["errors"][0]["message"]
        assert await it.deletes() == []


async def test_an_export_that_is_never_ready_blocks(rehearse: Rehearse, tmp_path: Path) -> None:
    slow = {"export_seconds": 7 * 3600}
    async with rehearse(sandbox=slow, export=True, export_dir=str(tmp_path)) as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert "did not finish" in result["errors"][0]["message"]
        assert await it.deletes() == []


async def test_a_dry_run_makes_no_export(rehearse: Rehearse, tmp_path: Path) -> None:
    async with rehearse(export=True, export_dir=str(tmp_path)) as it:
        await it.run(await it.ask(org_id=TEST_COMPANY, dry_run=True))
        assert files(tmp_path) == []
