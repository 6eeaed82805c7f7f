"""Whose turn it is: a busy source delays neither an operator nor another source for long."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.models import DeletionRequest, PsaLink
from tests.support.clock import TestClock
from tests.support.deletions import cancelled, requested
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.times.clock import to_ms

SHORT = 4


@dataclass
class Queue:
    """The ledger and RQ's queue, of which the test is the worker."""

    redis: Redis
    ledger: Ledger
    clock: TestClock
    sent: int = 0
    done: list[str] = field(default_factory=list)

    async def event(self, source: str = "cw") -> str:
        """A client of this source becomes inactive, and the service queues what it may."""
        self.sent += 1
        self.clock.forward(milliseconds=1)
        client, deletion_id = str(self.sent), f"del_{source}{self.sent}"
        request = DeletionRequest(
            psa=PsaLink(integration_type="manage", company_id=client), confirm_delete=True
        )
        event = {
            "event_id": f"e{self.sent}", "client": client, "kind": "request", "actor": "m",
            "occurred_at": to_ms(self.clock()) + self.sent, "deletion_id": deletion_id,
            "request": request.model_dump_json(exclude_none=True), "callback_url": "",
        }  # fmt: skip
        delivery = {"id": f"dlv_{self.sent}", "source": source, "vendor": "standard"}
        (receipt,) = await self.ledger.deliveries.receive(
            delivery={**delivery, "headers": "[]"}, body=b"{}", events=[event], now=self.clock()
        )
        await self._queue(deletion_id, receipt.job)
        return deletion_id

    async def ask(self, deletion_id: str = "del_asked") -> str:
        """An operator asks for a dry run."""
        self.clock.forward(milliseconds=1)
        _, job = await requested(
            self.ledger, deletion_id, self.clock(), DeletionRequest(org_id="301", dry_run=True)
        )
        await self._queue(deletion_id, job)
        return deletion_id

    async def _queue(self, deletion_id: str, job: int | None) -> None:
        if job is not None:
            await self.redis.rpush(self.ledger.store.queue_key, f"{deletion_id}-{job}")

    async def waiting(self) -> list[str]:
        names: Any = await self.redis.lrange(self.ledger.store.queue_key, 0, -1)
        return [name.decode().rpartition("-")[0] for name in names]

    async def fill_up(self) -> bool:
        """What the scheduler does; whether more wait."""
        handed = await self.ledger.deletions.hand_out(self.clock())
        for deletion_id, number in handed.jobs:
            await self._queue(deletion_id, number)
        return handed.more

    async def work(self, count: int = 1) -> list[str]:
        """So many jobs are done, each of which ends its deletion; whose they were."""
        done = []
        for _ in range(count):
            name: Any = await self.redis.lpop(self.ledger.store.queue_key)
            if name is None:
                break
            deletion_id = name.decode().rpartition("-")[0]
            held = await self.ledger.deletions.lease(deletion_id, self.clock())
            assert held is not None, f"{deletion_id} was handed out twice"
            gone = ErrorEntry("OrganizationNotFound", "it is not there", "…")
            await self.ledger.deletions.record(
                held, Change(state="failed", errors=(gone,)), self.clock()
            )
            done.append(deletion_id)
        self.done += done
        return done


@pytest.fixture
def queue(redis: Redis, ledger: Ledger, clock: TestClock) -> Queue:
    return Queue(redis, ledger, clock)


async def test_on_an_idle_system_the_first_step_is_queued_at_once(queue: Queue) -> None:
    sent = [await queue.event(), await queue.event("ninja"), await queue.ask()]
    assert await queue.waiting() == sent
    assert await queue.fill_up() is False
    assert await queue.waiting() == sent


async def test_a_flood_keeps_the_queue_short_and_its_order(queue: Queue) -> None:
    sent = [await queue.event() for _ in range(300)]
    assert await queue.waiting() == sent[:SHORT]
    while await queue.fill_up():
        assert len(await queue.waiting()) == SHORT
        await queue.work(3)
    await queue.work(SHORT)
    assert queue.done == sent
    assert await queue.fill_up() is False


@pytest.mark.parametrize("flood", [9, 300])
async def test_who_asks_during_a_flood_is_among_the_next(queue: Queue, flood: int) -> None:
    for _ in range(flood):
        await queue.event()
    await queue.fill_up()
    asked = await queue.ask()
    assert asked in await queue.work(SHORT + 1)


async def test_another_source_is_among_the_next(queue: Queue) -> None:
    for _ in range(300):
        await queue.event()
    others = [await queue.event("ninja"), await queue.event("halo"), await queue.event("ninja")]
    for _ in range(3):
        await queue.work(SHORT)
        await queue.fill_up()
    assert set(others) <= set(queue.done)
    assert len(queue.done) == 3 * SHORT


async def test_people_who_ask_for_much_do_not_stop_the_sources(queue: Queue) -> None:
    asked = [await queue.ask(f"del_asked{number}") for number in range(60)]
    sent = [await queue.event() for _ in range(10)]
    await queue.work(len(await queue.waiting()))
    await queue.fill_up()
    turn = await queue.work(SHORT)
    first = 2 * SHORT  # so many had room at once
    assert turn == [asked[first], sent[0], asked[first + 1], sent[1]]


async def test_a_source_with_one_at_a_time_does_not_stop_a_busy_one(queue: Queue) -> None:
    busy = [await queue.event() for _ in range(SHORT + 20)]
    for _ in range(10):
        await queue.event("ninja")
        await queue.work(2)
        await queue.fill_up()
    assert len(set(busy) & set(queue.done)) >= 10


async def test_what_becomes_due_waits_for_its_turn_in_order_of_its_time(queue: Queue) -> None:
    """As after an outage: the grace of many ended, and none of them has a job."""
    sent = []
    for _ in range(30):
        sent.append(await queue.event())
        await queue.redis.delete(queue.ledger.store.queue_key)
    for number, deletion_id in enumerate(reversed(sent)):
        held = await queue.ledger.deletions.lease(deletion_id, queue.clock())
        assert held is not None
        until = queue.clock().replace(microsecond=1000 * number)
        await queue.ledger.deletions.record(
            held, Change(state="retrying", ready_at=until), queue.clock()
        )
    queue.clock.forward(minutes=1)
    assert await queue.fill_up() is True
    assert await queue.waiting() == sent[: -SHORT - 1 : -1]
    while await queue.fill_up() or await queue.waiting():
        await queue.work(5)
    assert queue.done == sent[::-1]


async def test_a_job_that_is_lost_is_handed_out_again(queue: Queue) -> None:
    sent = [await queue.event() for _ in range(20)]
    await queue.fill_up()
    await queue.redis.delete(queue.ledger.store.queue_key)
    while set(queue.done) != set(sent):
        queue.clock.forward(seconds=31)
        await queue.fill_up()
        await queue.work(SHORT)
    assert len(queue.done) == len(sent)


async def test_what_ended_while_it_waited_is_not_handed_out(queue: Queue) -> None:
    sent = [await queue.event() for _ in range(12)]
    for deletion_id in sent[SHORT:]:
        await cancelled(queue.ledger, deletion_id, queue.clock())
    await queue.work(SHORT)
    assert await queue.fill_up() is False
    assert await queue.waiting() == []


async def test_what_waits_gets_no_twin(queue: Queue) -> None:
    """However long it waits, and however often the scheduler looks again."""
    sent = [await queue.event() for _ in range(40)]
    for _ in range(10):
        queue.clock.forward(seconds=31)
        await queue.fill_up()
    while await queue.waiting():
        await queue.work()
        queue.clock.forward(seconds=31)
        await queue.fill_up()
    assert queue.done == sent


async def test_two_schedulers_hand_out_each_once(queue: Queue) -> None:
    sent = [await queue.event() for _ in range(30)]
    await queue.work(SHORT)
    handed = [await queue.ledger.deletions.hand_out(queue.clock()) for _ in range(2)]
    names = [name for each in handed for name, _ in each.jobs]
    assert names == sent[SHORT : 3 * SHORT]


async def test_an_old_record_without_its_deletion_is_let_go(queue: Queue) -> None:
    await queue.redis.zadd("unglue:due", {"del_gone": 0})
    assert await queue.fill_up() is False
    assert await queue.redis.exists("unglue:deletion:del_gone", "unglue:due") == 0
