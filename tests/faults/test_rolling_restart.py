"""An upgrade part by part: the code of an earlier day and today's work on one ledger."""

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.plant import Plant, eventually, plant

# The release that this one replaces; before there is one, what main was before its newest features.
PREVIOUS = "36804d1"
ROOT = Path(__file__).parents[2]
CLIENTS = 12


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous release's code, from this repository's history."""
    asked = ["git", "-C", str(ROOT), "archive", "--format=tar", PREVIOUS]
    asked += ["adapters", "workers", "service"]
    got = subprocess.run(asked, capture_output=True, check=False)  # noqa: S603 - our own words
    if got.returncode:
        pytest.skip("this checkout has no history that goes back to the previous release")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(got.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def _command_of(code: Path, *arguments: str) -> None:
    """Become that release's command; a later one of Python's paths would find today's code."""
    os.chdir(code)
    os.environ["PYTHONPATH"] = str(code)
    # It has this setting of its own, whose default is longer than the lease of these tests.
    os.environ["UNGLUE_WORKER__BEAT"] = "0.5s"
    os.execv(sys.executable, [sys.executable, "-m", "service", *arguments])  # noqa: S606 - no shell


def _begin_with(it: Plant, code: Path) -> None:
    """Every part, run from that code."""
    it.start_sandbox()
    it.start("service", partial(_command_of, code, "serve", "--port", str(it.port)))
    it.answers(f"{it.service}/healthz")
    it.start("scheduler", partial(_command_of, code, "scheduler"))
    it.start("outbox", partial(_command_of, code, "outbox"))
    for name in ("worker", "worker-1"):
        it.start(name, partial(_command_of, code, "worker", "--no-outbox"))


def _stop(it: Plant, name: str) -> None:
    """End a part in order, as a deployment does."""
    part = it.running.pop(name)
    part.strike_alone(signal.SIGTERM)
    part.wait()


def _send(it: Plant) -> str:
    """One more client, as a sender that tries again while the service is restarted."""
    company = it.company()

    def accepted() -> str:
        try:
            return it.send(company)
        except httpx.TransportError:
            return ""

    return eventually(accepted, "the service takes an event")


def test_an_upgrade_part_by_part_loses_and_doubles_nothing(previous: Path) -> None:
    with plant(Crowd(size=CLIENTS)) as it:
        _begin_with(it, previous)
        asked = [_send(it), _send(it)]
        restart: dict[str, Callable[[], object]] = {
            "worker": it.start_worker,
            "service": it.start_service,
            "outbox": it.start_outbox,
            "scheduler": it.start_scheduler,
        }
        for name, start in restart.items():
            asked.append(_send(it))
            _stop(it, name)
            start()
            asked.append(_send(it))
        # One goes back to the older release, which weighs less of the configuration: it is refused
        # every call while the service is newer, and what it took waits for the other or its return.
        _stop(it, "worker")
        it.start("worker", partial(_command_of, previous, "worker", "--no-outbox"))
        asked.append(_send(it))
        _stop(it, "worker-1")
        it.start_worker("worker-1")
        asked.append(_send(it))
        _stop(it, "worker")
        it.start_worker()

        assert {it.ended(each).state for each in asked} == {"deleted"}
        assert it.deletes() == {org_of(number): 1 for number in range(1, CLIENTS + 1)}
        eventually(lambda: all(map(it.receiver.ids, asked)), "every result is told")
        assert all(len(set(it.receiver.ids(each))) == 1 for each in asked)
