"""The scheduler begins the sweep of each time once, and makes up for the newest missed one."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.support.clock import TestClock
from workers.ledger.bulk.sweeps import MADE_UP_FOR
from workers.ledger.ledger import Ledger
from workers.processes.duties import duties
from workers.processes.queue import JobQueue
from workers.processes.scheduler import Scheduler
from workers.settings import Settings

HOURLY = {"nightly": {"cron": "0 * * * *"}}


@pytest.fixture
def jobs(valkey_url: str) -> Iterator[JobQueue]:
    queue = JobQueue(valkey_url)
    yield queue
    queue.close()


def scheduler(ledger: Ledger, clock: TestClock, jobs: JobQueue, **schedules: str) -> Scheduler:
    table = {name: {"cron": cron} for name, cron in schedules.items()}
    settings = Settings(itglue={"api_key": "ITG.test"}, schedules=table)
    interval = timedelta(seconds=1)
    # The daily read queues a job of its own.
    others = [duty for duty in duties(settings, ledger, jobs) if duty.name != "daily_read"]
    return Scheduler(ledger, jobs, clock=clock, interval=interval, duties=others)


async def tick(ledger: Ledger, *schedulers: Scheduler) -> None:
    """Each of them, as if its duty's turn had come."""
    for each in schedulers:
        await ledger.store.redis.delete(ledger.store.key("tick", "sweeps"))
        await each.tick()


async def begun(ledger: Ledger) -> list[str]:
    found = await ledger.sweeps.newest(100)
    return sorted(f"{sweep.tick:%d %H:%M}" for sweep in found if sweep.tick)


async def test_two_schedulers_sweep_once(ledger: Ledger, clock: TestClock, jobs: JobQueue) -> None:
    one, other = (scheduler(ledger, clock, jobs, nightly="0 * * * *") for _ in range(2))
    clock.forward(minutes=59)
    await tick(ledger, one, other)
    assert await begun(ledger) == []
    for _ in range(3):
        clock.forward(minutes=1)
        await tick(ledger, one, other)
    assert await begun(ledger) == ["23 13:00"]


async def test_a_sweep_becomes_a_job(ledger: Ledger, clock: TestClock, jobs: JobQueue) -> None:
    one = scheduler(ledger, clock, jobs, nightly="0 * * * *")
    clock.forward(minutes=30)
    await tick(ledger, one)
    clock.forward(minutes=30)
    await tick(ledger, one)
    await tick(ledger, one)
    (sweep,) = await ledger.sweeps.newest(5)
    queued = await ledger.store.redis.lrange(ledger.store.queue_key, 0, -1)
    assert [name.decode().rpartition("-")[0] for name in queued] == [sweep.id]  # type: ignore[union-attr]


async def test_a_new_one_waits(ledger: Ledger, clock: TestClock, jobs: JobQueue) -> None:
    clock.forward(minutes=5)
    await tick(ledger, scheduler(ledger, clock, jobs, nightly="0 * * * *"))
    assert await begun(ledger) == []
    clock.forward(minutes=30)  # its times change, and one of the new ones was 12:30
    await tick(ledger, scheduler(ledger, clock, jobs, nightly="30 * * * *"))
    assert await begun(ledger) == []


async def test_the_newest_time_is_made_up(ledger: Ledger, clock: TestClock, jobs: JobQueue) -> None:
    one = scheduler(ledger, clock, jobs, nightly="0 * * * *")
    clock.forward(minutes=30)
    await tick(ledger, one)
    clock.forward(hours=5)
    await tick(ledger, one)
    await tick(ledger, one)
    assert await begun(ledger) == ["23 17:00"]


@pytest.mark.parametrize(("late", "made_up"), [(timedelta(hours=23), 1), (timedelta(hours=25), 0)])
async def test_a_time_long_ago_is_not_made_up_for(
    ledger: Ledger, clock: TestClock, jobs: JobQueue, late: timedelta, made_up: int
) -> None:
    assert timedelta(hours=23) < MADE_UP_FOR < timedelta(hours=25)
    one = scheduler(ledger, clock, jobs, monthly="0 13 23 * *")
    await tick(ledger, one)
    clock.forward(hours=1)
    clock.now += late
    await tick(ledger, one)
    assert len(await begun(ledger)) == made_up


async def test_an_idle_sweep_is_retried(ledger: Ledger, clock: TestClock, jobs: JobQueue) -> None:
    """The scheduler died between the claim and the job, or the job was lost."""
    assert await ledger.sweeps.begin_due("n", "0 * * * *", clock() + timedelta(0), clock())
    (sweep,) = await ledger.sweeps.newest(5)
    assert [name for name, _ in await ledger.sweeps.take_due(clock())] == [sweep.id]
    assert await ledger.sweeps.take_due(clock()) == []
    clock.forward(seconds=31)
    await scheduler(ledger, clock, jobs).tick()
    assert await ledger.store.redis.llen(ledger.store.queue_key) == 1


async def test_one_worker_at_a_time(ledger: Ledger, clock: TestClock) -> None:
    await ledger.sweeps.begin("swp_1", "n", by="alice", preview=False, now=clock())
    first = await ledger.sweeps.lease("swp_1", clock())
    assert first is not None
    assert await ledger.sweeps.lease("swp_1", clock.forward(seconds=59)) is None
    second = await ledger.sweeps.lease("swp_1", clock.forward(seconds=2))
    assert second is not None
    assert second.fence > first.fence


async def test_no_older_time_is_swept_after_a_newer(ledger: Ledger, clock: TestClock) -> None:
    """As a scheduler would ask for whose clock is behind."""
    start = clock()
    for hours, begins in ((0, False), (2, True), (1, False), (2, False), (3, True)):
        tick_ = start + timedelta(hours=hours)
        later = start + timedelta(hours=4) if hours else start + timedelta(seconds=1)
        assert await ledger.sweeps.begin_due("n", "0 * * * *", tick_, later) is begins
