"""Duties are done once however many schedulers there are; notices and decisions are written."""

import json
from datetime import datetime, timedelta

from tests.support.audit import pending
from tests.support.clock import TestClock
from workers.ledger.ledger import Ledger
from workers.processes.duties import Duty
from workers.processes.queue import JobQueue
from workers.processes.scheduler import Scheduler


async def test_two_schedulers_do_it_once(ledger: Ledger, clock: TestClock, valkey_url: str) -> None:
    done: list[datetime] = []

    async def note(now: datetime) -> None:
        done.append(now)

    jobs = JobQueue(valkey_url)
    duty = Duty("note", timedelta(hours=1), note)
    for _ in range(2):
        scheduler = Scheduler(
            ledger, jobs, clock=clock, interval=timedelta(seconds=1), duties=(duty,)
        )
        await scheduler.tick()
    jobs.close()
    assert done == [clock()]


async def test_a_notice_is_written_once_for_a_thing(ledger: Ledger, clock: TestClock) -> None:
    for _ in range(2):
        await ledger.notices.write("source_silent", {"source": "cw"}, clock(), once="cw")
    await ledger.notices.write("source_silent", {"source": "ninja"}, clock(), once="ninja")
    found = [await ledger.store.hash("notice", f"ntc_{number}") for number in (1, 2)]
    assert await ledger.store.redis.zcard(ledger.store.key("notices", "due")) == len(found)
    assert [json.loads(each["detail"])["source"] for each in found] == ["cw", "ninja"]


async def test_a_decision_is_written_to_the_stream(ledger: Ledger, clock: TestClock) -> None:
    await ledger.audit.write("paused", {"operator": "alice"}, clock())
    (entry,) = await pending(ledger)
    assert entry == {"what": "paused", "operator": "alice", "at": 1_000 * clock().timestamp()}
