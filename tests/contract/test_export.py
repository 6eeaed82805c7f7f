"""Export before deleting."""

import errno
import hashlib
import json
import stat
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.conftest import Rehearse
from tests.support.altered import Altered
from tests.support.rehearsal import KEY, TEST_COMPANY
from tests.support.stateful.account import RECORDS
from workers.itglue.http.transport import MEDIA_TYPE


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_export_is_on_disk_before_the_call(rehearse: Rehearse, tmp_path: Path) -> None:
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


async def test_records_of_one_table_with_other_fields(rehearse: Rehearse, tmp_path: Path) -> None:
    async with rehearse(export=True, export_dir=str(tmp_path)) as it:
        for more in ({}, {"date": "2026-01-22"}):
            it.world.add("configurations", int(TEST_COMPANY), {**RECORDS["configurations"], **more})
        result = await it.run(await it.ask(org_id=TEST_COMPANY, force_delete=True))

        assert result["deleted"] is True
        (path,) = files(tmp_path)
        with zipfile.ZipFile(path) as archive:
            table = archive.read("configurations.csv").decode().splitlines()
        assert table[0].endswith(",date")
        assert [line.endswith(",2026-01-22") for line in table[-2:]] == [False, True]


@pytest.mark.parametrize("fault", ["html@/exports", "html@/downloads/*", "forbid=exports,403"])
async def test_no_export_no_deletion(rehearse: Rehearse, tmp_path: Path, fault: str) -> None:
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


@pytest.mark.parametrize(
    ("how", "why"), [("empty", "empty"), ("member", "organizations.csv"), ("bare", "configs")]
)
async def test_an_empty_one_blocks(rehearse: Rehearse, tmp_path: Path, how: str, why: str) -> None:
    fault = f"bad-export={how}"
    async with rehearse(fault, export=True, export_dir=str(tmp_path)) as it:
        it.fill(TEST_COMPANY, "configurations", 3)
        result = await it.run(await it.ask(org_id=TEST_COMPANY, force_delete=True))

        assert await it.deletes() == []
        assert result["details"]["state"] == "blocked"
        assert why in result["errors"][0]["message"]
        assert len(it.world.exports) == 3


async def test_one_bad_export_is_followed_by_a_good_one(rehearse: Rehearse, tmp_path: Path) -> None:
    async with rehearse("bad-export:1", export=True, export_dir=str(tmp_path)) as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(deletion_id))["deleted"] is True
        assert (await it.journal(deletion_id)).count("export_unproved") == 1


@pytest.mark.parametrize("then", ["grown", "changed", "old"])
async def test_an_old_export_is_made_again(rehearse: Rehearse, tmp_path: Path, then: str) -> None:
    async with rehearse(export=True, export_dir=str(tmp_path)) as it:
        switch = it.ledger.stop_switch
        deletion = await it.advance(await it.ask(org_id=TEST_COMPANY, force_delete=True))
        await switch.pause("carol", "stop", it.clock())
        while deletion.waits_for != "paused":
            it.clock.now = max(deletion.ready_at, it.clock())
            deletion = await it.advance(deletion.id)
        assert (await it.journal(deletion.id)).count("exported") == 1
        match then:
            case "grown":
                it.fill(TEST_COMPANY, "configurations", 40)
            case "changed":
                await it.change(TEST_COMPANY, description="how to reach their lawyers")
            case _:
                it.clock.now += timedelta(days=20)
        await switch.resume("alice", "", it.clock())
        it.clock.now += timedelta(minutes=2)
        result = await it.run(deletion.id)
        journal = await it.journal(deletion.id)
        assert (result["deleted"], journal.count("exported")) == (True, 2)


async def test_a_full_disk_is_waited_for(
    rehearse: Rehearse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with rehearse(export=True, export_dir=str(tmp_path)) as it:
        deletion = await it.advance(await it.ask(org_id=TEST_COMPANY))
        it.clock.now = deletion.ready_at
        monkeypatch.setattr(tempfile, "mkstemp", full)
        for _ in range(20):
            it.clock.now = max(deletion.ready_at, it.clock())
            deletion = await it.advance(deletion.id)
        assert (deletion.state, deletion.waits_for) == ("retrying", "disk_full")
        monkeypatch.undo()
        assert (await it.run(deletion.id))["deleted"] is True


@pytest.mark.parametrize("how", ["of days before", "of before the change", "the same again"])
async def test_one_that_it_glue_had_already_is_none(
    rehearse: Rehearse, tmp_path: Path, how: str
) -> None:
    """It answers with an export that somebody asked for before, and does not make another."""
    front = Altered()
    making = rehearse(export=True, export_dir=str(tmp_path))
    making.in_front = front.in_front
    async with making as it:
        it.fill(TEST_COMPANY, "configurations", 3)
        body = {"data": {"type": "exports", "attributes": {"organization-id": int(TEST_COMPANY)}}}
        key = {"x-api-key": KEY, "content-type": MEDIA_TYPE}
        first = (await it.http.post("/exports", content=json.dumps(body), headers=key)).json()
        if how != "the same again":
            it.clock.forward(minutes=10)
            it.clock.forward(days=5 if how == "of days before" else 0)
            # The password of a router was changed, and nothing became more.
            await it.change(TEST_COMPANY, description="they sue; see the new passwords")
            if how == "of before the change":
                it.clock.forward(seconds=10)
        front.change = lambda method, asked, _status, _said: (
            first if (method, asked) == ("POST", "/exports?") else None
        )
        deletion_id = await it.ask(org_id=TEST_COMPANY, force_delete=True)
        if how == "the same again":
            # The first one is taken; then there is more.
            await it.ledger.stop_switch.pause("carol", "stop", it.clock())
            deletion = await it.advance(deletion_id)
            for _ in range(9):
                it.clock.now = max(deletion.ready_at, it.clock())
                deletion = await it.advance(deletion_id)
            it.fill(TEST_COMPANY, "configurations", 40)
            await it.ledger.stop_switch.resume("alice", "", it.clock())
            it.clock.now += timedelta(minutes=2)
        result = await it.run(deletion_id)
        assert (result["details"]["state"], await it.deletes()) == ("blocked", [])
        why = "the same one again" if how == "the same again" else "before it was asked for"
        assert why in str(result["errors"]) + str((await it.ledger.views.of(deletion_id)).journal)


async def test_one_that_nobody_looked_at_for_days_is_made_again(
    rehearse: Rehearse, tmp_path: Path
) -> None:
    """It was asked for on a Friday, and the worker was started again on Monday."""
    async with rehearse(export=True, export_dir=str(tmp_path)) as it:
        deletion = await it.advance(await it.ask(org_id=TEST_COMPANY))
        assert deletion.state == "exporting"
        it.clock.forward(days=3)
        assert (await it.run(deletion.id))["deleted"] is True
        assert (await it.journal(deletion.id)).count("export_asked") == 2
        assert len(files(tmp_path)) == 1


async def test_one_that_takes_hours_is_waited_for(rehearse: Rehearse, tmp_path: Path) -> None:
    slow = {"export_seconds": 5 * 3600}
    async with rehearse(sandbox=slow, export=True, export_dir=str(tmp_path)) as it:
        deletion_id = await it.ask(org_id=TEST_COMPANY)
        assert (await it.run(deletion_id))["deleted"] is True
        assert (await it.journal(deletion_id)).count("export_asked") == 1
