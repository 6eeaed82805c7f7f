"""What is answered, or acted on, only after Redis has it on disk."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.deletions import cancelled
from tests.support.failing_valkey import FailingValkey, own_valkey
from tests.support.ledgers import begin_anew, memory_of
from tests.support.rehearsal import Rehearsal
from tests.support.valkey import confirms
from workers.ledger.bulk.replays import Order
from workers.ledger.installation.condition import NotDurable
from workers.ledger.installation.memory import Memory
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store


@pytest.fixture(scope="module")
def valkey() -> Iterator[FailingValkey]:
    # Without WAITAOF only a file that is synced before each answer is believed.
    with own_valkey(appendfsync="everysec" if confirms() else "always") as server:
        yield server


needs_waitaof = pytest.mark.skipif(not confirms(), reason="the server has no WAITAOF")


class Watched(Store):
    """Notes which scripts waited for the disk."""

    def __init__(self, redis: Redis, memory: Memory, *, fsync: bool) -> None:
        super().__init__(
            redis,
            queue_key="rq:queue:test",
            lease=timedelta(seconds=60),
            requeue_after=timedelta(seconds=30),
            retention=timedelta(days=400),
            fsync=fsync,
            confirm_within=timedelta(seconds=2),
            memory=memory,
            own_clock=True,
        )
        self.waited: list[str] = []

    async def run(
        self, name: str, *args: Any, durable: bool = False, replicated: bool = False
    ) -> Any:
        if durable:
            self.waited.append(name)
        return await super().run(name, *args, durable=durable, replicated=replicated)


async def opened(valkey: FailingValkey, *, fsync: bool) -> Watched:
    redis = Redis.from_url(valkey.url)
    await begin_anew(redis)
    return Watched(redis, await memory_of(redis), fsync=fsync)


@pytest.fixture
async def store(valkey: FailingValkey) -> AsyncIterator[Watched]:
    """A ledger where durability is everysec."""
    store = await opened(valkey, fsync=False)
    yield store
    await store.redis.aclose()


@pytest.fixture
async def strict(valkey: FailingValkey) -> AsyncIterator[Watched]:
    """A ledger where durability is fsync."""
    store = await opened(valkey, fsync=True)
    yield store
    await store.redis.aclose()


def rehearsal(store: Store, clock: TestClock) -> Rehearsal:
    return Rehearsal(Ledger(store), clock, SandboxSettings(), {"approval": "never"})


async def test_what_always_waits(store: Watched, clock: TestClock) -> None:
    async with rehearsal(store, clock) as here:
        receipt = await here.event()
        assert store.waited == []
        assert receipt.deletion_id is not None
        await here.event(active=True)
        assert store.waited == ["receive"]
        clock.forward(seconds=1)
        again = await here.event()
        assert again.deletion_id is not None
        result = await here.run(again.deletion_id)
        assert result["deleted"] is True
        assert store.waited == ["receive", "begin_delete"]


async def test_what_a_person_forbids_always_waits(store: Watched, clock: TestClock) -> None:
    ledger = Ledger(store)
    await ledger.stop_switch.pause("alice", "wait", clock())
    await ledger.protections.protect("5", clock(), how="api", by="alice", reason="kept")
    assert store.waited == ["pause", "protect"]


async def test_with_fsync_every_202_waits(strict: Watched, clock: TestClock) -> None:
    async with rehearsal(strict, clock) as here:
        await here.event()
        asked = await here.ask(org_id="5")
        await cancelled(here.ledger, asked, clock())
        await here.ledger.deletions.replay(
            asked, operator="bob", token="t", callback_url="", overrule=True, now=clock()
        )
        order = Order("deletions", "bob", (), 0, named=True, rate=60, filter={})
        await here.ledger.replays.begin("rpl_1", order, clock())
        assert strict.waited == ["receive", "create", "cancel", "replay", "open_replay"]


async def test_what_was_answered_survives_a_crash(valkey: FailingValkey, clock: TestClock) -> None:
    """The server's own rhythm is a second or so; a crash right after the answer loses nothing."""
    store = await opened(valkey, fsync=True)
    async with rehearsal(store, clock) as here:
        receipt = await here.event()
    await store.redis.aclose()
    valkey.kill()
    valkey.start()
    redis = Redis.from_url(valkey.url)
    assert await redis.exists(f"unglue:deletion:{receipt.deletion_id}") == 1
    await redis.aclose()


async def test_repeats_are_confirmed(
    strict: Watched, valkey: FailingValkey, clock: TestClock
) -> None:
    async with rehearsal(strict, clock) as here:
        held = await pending(here)
        said = [held.id, 1, "alice", "[]"]
        with valkey.configured("appendfsync", "no"):
            strict.confirm_within = timedelta(milliseconds=50)
            # Written, not confirmed; and so again, though the script then only looks.
            for _ in range(2):
                with pytest.raises(NotDurable) as raised:
                    await strict.run("cancel", *said, durable=True)
            assert raised.value.answer == b"cancelled"
            assert await strict.redis.exists("unglue:marker") == 1
        strict.confirm_within = timedelta(milliseconds=5000)
        assert await strict.run("cancel", *said, durable=True) == b"cancelled"


async def pending(here: Rehearsal) -> Any:
    return await here.ledger.deletions.get(await here.ask(org_id="301"))


async def test_no_append_only_no_fsync(valkey: FailingValkey, clock: TestClock) -> None:
    with valkey.without_append_only_file():
        store = await opened(valkey, fsync=True)
        async with rehearsal(store, clock) as here:
            with pytest.raises(NotDurable):
                await here.event()
        # Where nobody asked for it, the server does what it can.
        lenient = Watched(store.redis, await memory_of(store.redis), fsync=False)
        async with rehearsal(lenient, clock) as here:
            here._number = 9
            receipt = await here.event(active=True, company="9")
            assert receipt.reason == "client_active"
        await store.redis.aclose()


@needs_waitaof
async def test_lost_intent_no_call(store: Watched, valkey: FailingValkey, clock: TestClock) -> None:
    async with rehearsal(store, clock) as here:
        receipt = await here.event()
        deletion_id = cast("str", receipt.deletion_id)
        with valkey.configured("appendfsync", "no"):
            store.confirm_within = timedelta(milliseconds=50)
            for _ in range(3):
                deletion = await here.advance(deletion_id)
                assert deletion.state == "retrying"
                assert (deletion.intent.state, deletion.intent.kind) == ("refused", "delete")
                clock.forward(seconds=6)
            assert await here.deletes() == []
            entries = await here.journal(deletion_id)
            assert entries.count("not_sent") == 3
        store.confirm_within = timedelta(milliseconds=5000)
        result = await here.run(deletion_id)
        assert result["deleted"] is True
        assert len(await here.deletes()) == 1
        # Intents that came to nothing are one deletion of the day's.
        assert await store.redis.zcard("unglue:begun") == 1


async def test_a_forgotten_script_is_loaded_again(strict: Watched, clock: TestClock) -> None:
    async with rehearsal(strict, clock) as here:
        await here.event()
        await strict.redis.script_flush()
        assert (await here.event()).reason == "joined"
