"""A container's probe: a part's file, or the service's own answer."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from service.demo.installation import free_ports
from tests.support.command import Command
from workers.processes.stopping import beside
from workers.upkeep.pulse import STALE_SECONDS, age, beat, pulsing


@pytest.fixture
def unglue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("UNGLUE_ITGLUE__API_KEY", "ITG.test")
    return Command(monkeypatch, capsys)


def test_nobody_asked_for_a_file() -> None:
    beat("")
    assert age("nowhere") is None


async def test_it_beats_while_the_loop_turns(tmp_path: Path) -> None:
    path = str(tmp_path / "pulse")
    async with beside(pulsing(path)):
        await asyncio.sleep(0)
        assert age(path) is not None


@pytest.mark.parametrize(("old", "status"), [(0, 0), (STALE_SECONDS + 5, 1)])
def test_a_part_is_alive_by_its_file(
    unglue: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: float, status: int
) -> None:
    path = tmp_path / "pulse"
    beat(str(path))
    os.utime(path, (time.time() - old,) * 2)
    monkeypatch.setenv("UNGLUE_WORKER__PULSE", str(path))
    assert unglue("alive").status == status


def test_a_silent_service_is_not(unglue: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNGLUE_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    shown = unglue("alive")
    assert (shown.status, shown.out) == (1, "")
    assert "ConnectError" in shown.err
