"""kill -9 in the middle of work, with the times of an installation: how soon it goes on."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.forked import session
from tests.support.plant.injected import Injected
from tests.support.plant.injuries import slow_search, wait_for_search
from tests.support.plant.plant import Plant, Times, eventually, plant
from workers.settings import WorkerSettings

_REAL = WorkerSettings()
LEASE = _REAL.lease.total_seconds()
BEAT = _REAL.beat.total_seconds()
# What the busy machine of a test may add.
BUSY_SECONDS = 13.0
# Long enough for the kill to come in its midst, however late it comes.
SLOW_MS = 8000
SCHEDULE = """
[schedules.inactive]
cron = "0 3 1 1 *"
statuses = ["Inactive"]
dry_run = true
limit = 1000
max_share = 1.0
"""


@pytest.fixture(scope="module")
def real() -> Iterator[Plant]:
    """An installation with the times of a real one."""
    with plant(Crowd(size=10), more=SCHEDULE, times=Times(LEASE)) as made:
        made.start_all()
        made.ended(made.send())
        yield made


def goes_on(it: Plant, deletion_id: str) -> float:
    """Seconds until somebody else has it."""
    since = time.monotonic()
    eventually(lambda: "lease_expired" in it.journal(deletion_id), "somebody else takes it")
    return time.monotonic() - since


def once(it: Plant, company: int, deletion_id: str) -> None:
    """One death, one plan, one DELETE."""
    journal = it.journal(deletion_id)
    assert (journal.count("lease_expired"), journal.count("planned")) == (1, 1), journal
    assert it.deletes(accepted=False)[org_of(company)] == 1


def test_a_killed_job_goes_on_at_once(real: Plant, injected: Injected) -> None:
    """Its parent saw it end, and gave back what it held."""
    since = time.monotonic()
    slow_search(real, SLOW_MS)
    deletion_id = real.send(company := real.company())
    wait_for_search(real)
    real.running["worker"].strike_horses(signal.SIGKILL)
    assert goes_on(real, deletion_id) < LEASE - BEAT
    injected(real, "killed", "job killed while it plans", [deletion_id], since=since)
    once(real, company, deletion_id)


def test_a_killed_worker_is_missed_within_a_lease(real: Plant, injected: Injected) -> None:
    since = time.monotonic()
    slow_search(real, SLOW_MS)
    deletion_id = real.send(company := real.company())
    wait_for_search(real)
    with real.without("worker"):
        pass
    assert goes_on(real, deletion_id) < LEASE + 1 + BUSY_SECONDS
    injected(real, "killed", "worker and job killed while it plans", [deletion_id], since=since)
    once(real, company, deletion_id)


def test_who_waits_for_a_job_ends_with_its_worker(real: Plant) -> None:
    worker = real.running["worker"]
    eventually(worker.in_its_group, "somebody waits for a job")
    worker.strike_alone(signal.SIGKILL)
    worker.wait()
    eventually(lambda: not session(worker.pid), "nobody is left of it")
    real.kill("worker")
    real.start_worker()


def test_a_killed_sweep_goes_on_at_once(real: Plant) -> None:
    slow_search(real, SLOW_MS)
    url = (
        "/v1/sweeps/" + real.api("POST", "/v1/schedules/inactive/sweep", dry_run=True).json()["id"]
    )
    wait_for_search(real)
    since = time.monotonic()
    real.running["worker"].strike_horses(signal.SIGKILL)
    eventually(lambda: real.api("GET", url).json()["finished_at"], "the sweep ends")
    assert time.monotonic() - since < LEASE - BEAT
    assert real.api("GET", url).json()["state"] == "finished"
    log = (real.folder / "worker.log").read_text()
    assert any('"job_died"' in line and '"swp_' in line for line in log.splitlines())


def test_whoever_waits_for_a_slow_it_glue_keeps_it() -> None:
    """Nobody was killed, and nobody takes it for dead."""
    with plant(Crowd(size=3), times=Times(lease=10, answer=20)) as it:
        it.start_all(workers=2)
        it.faults(slow={"value": 5000})
        deletion_id = it.send(company := it.company())
        since = time.monotonic()
        deletion = it.ended(deletion_id)
        assert time.monotonic() - since > it.times.lease
        assert (deletion.state, deletion.deaths) == ("deleted", 0)
        assert "lease_expired" not in it.journal(deletion_id)
        assert it.deletes(accepted=False)[org_of(company)] == 1
        logs = "".join(path.read_text() for path in it.folder.glob("worker*.log"))
        assert '"fenced"' not in logs
