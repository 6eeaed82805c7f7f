"""`unglue delete` before a person: it shows, asks for the name, and hears Ctrl-C."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.commands.audit import _line
from service.commands.delete import _beside_the_plan
from service.terminal.waiting import interruptible
from tests.support.part import part
from tests.support.service import Service
from tests.unit.test_cli import as_alice, become, ended, service, told
from tests.unit.test_result import PLAN
from workers.ledger.ledger import Ledger

__all__ = ["service"]

ROOT = Path(__file__).parents[2]
BARE = ("--org-id", "301", "--confirm-delete", "--timeout", "20")


def at_a_terminal(service: Service) -> tuple[subprocess.Popen[bytes], int]:
    """The command, and the terminal's other end."""
    master, slave = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UNGLUE_")}
    environment = {"PYTHONPATH": str(ROOT), "COLUMNS": "200", **as_alice(service)}
    command = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "service", "delete", *BARE],
        env={**clean, **environment},
        stdin=slave,
        stderr=slave,
        stdout=subprocess.PIPE,
    )
    os.close(slave)
    return command, master


@pytest.mark.usefixtures("redis")
async def test_ctrl_c_cancels_it(service: Service, ledger: Ledger, tmp_path: Path) -> None:
    with part("delete", tmp_path, *BARE, "--yes-name", "A", **as_alice(service)) as command:
        deletion_id = told(command, ":").split(":")[0]
        command.tell(signal.SIGINT)
        status, said = ended(command)
    assert (status, "{" in said) == (130, False)
    assert f"{deletion_id} is cancelled; nothing was deleted" in said
    assert (await ledger.deletions.get(deletion_id)).state == "cancelled"


@pytest.mark.usefixtures("redis")
async def test_ctrl_c_too_late(service: Service, ledger: Ledger, tmp_path: Path) -> None:
    with part("delete", tmp_path, *BARE, "--yes-name", "A", **as_alice(service)) as command:
        deletion_id = told(command, ":").split(":")[0]
        accepted = {"intent_kind": "delete", "intent_state": "accepted"}
        await become(ledger, deletion_id, "verifying", **accepted)
        told(command, "verifying")
        command.tell(signal.SIGINT)
        status, said = ended(command)
    assert status == 130
    assert f"{deletion_id} is not cancelled and goes on" in said
    assert f"unglue cancel {deletion_id}" in said
    assert (await ledger.deletions.get(deletion_id)).state == "verifying"


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(("flags", "status"), [((), 0), (("--exit-code",), 1)])
async def test_a_dry_run_of_what_would_not_go(
    service: Service, ledger: Ledger, tmp_path: Path, flags: tuple[str, ...], status: int
) -> None:
    asked = ("--org-id", "301", "--dry-run", *flags)
    with part("delete", tmp_path, *asked, **as_alice(service)) as command:
        await become(ledger, told(command, ":").split(":")[0], "previewed")
        seen, said = ended(command)
    assert (seen, "would not be deleted: 301" in said) == (status, True), said


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    ("typed", "goes"), [(PLAN.organization.name, True), ("Quite Another Ltd", False)]
)
async def test_the_name_typed(service: Service, ledger: Ledger, typed: str, *, goes: bool) -> None:
    command, master = at_a_terminal(service)
    seen = b""

    def read_until(word: bytes) -> None:
        nonlocal seen
        while word not in seen:
            seen += os.read(master, 4096)

    with command:
        read_until(b"waiting for the end")
        preview = seen.decode().split(":")[0]
        assert (await ledger.deletions.get(preview)).request.dry_run
        await become(ledger, preview, "previewed", plan=PLAN.model_dump_json())
        read_until(b"to delete it:")
        assert PLAN.organization.name in seen.decode()
        assert f"{PLAN.organization.status}, " in seen.decode()
        assert "configurations" in seen.decode()
        seen = b""
        os.write(master, f"{typed}\n".encode())
        read_until(b"waiting for the end" if goes else b"not its name")
        command.send_signal(signal.SIGINT)
        command.wait(20)
    os.close(master)
    (listed,) = [
        each
        for each in service.call("GET", "/v1/deletions").json()["deletions"]
        if each["id"] != preview
    ] or [None]
    if goes:
        assert listed is not None
        request = (await ledger.deletions.get(listed["id"])).request
        assert (request.org_id, request.org_name) == ("301", typed)
        assert not request.dry_run
    else:
        assert listed is None


def test_what_stands_in_the_plan_is_not_said_again() -> None:
    answers = [
        {"gate": "dependencies", "verdict": "refuse", "message": "it still holds 2 contacts"}
    ]
    warnings = ["linked to a PSA", "would block: dependencies: it still holds 2 contacts"]
    deletion = {"plan": {"answers": answers}, "result": {"warnings": warnings, "errors": []}}
    assert _beside_the_plan(deletion) == ["linked to a PSA"]
    assert _beside_the_plan({**deletion, "plan": None}) == []


def test_ctrl_c_ends_the_command_not_the_deletion(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, interruptible("swp_1 goes on"):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err == "swp_1 goes on\n"


def test_a_time_in_the_audit_log_is_read_by_people() -> None:
    entry = {"seq": 7, "at": "2026-11-28T10:00:00Z", "what": "state", "due_at": 1796066170277}
    assert _line({**entry, "looked_at": 18}) == (
        "2026-11-28 10:00:00  #7  state          due_at=2026-11-30T19:16:10Z  looked_at=18"
    )
