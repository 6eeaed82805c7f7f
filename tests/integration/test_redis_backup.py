"""docs/backup.md, step by step: a copy of a running server, and what is brought back from it."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.failing_valkey import FailingValkey, own_valkey
from tests.support.rehearsal import Rehearsal
from tests.support.sentinels import until
from workers.ledger.installation.stop_switch import LEDGER_LOST
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.processes.queue import QUEUE_KEY
from workers.upkeep.continuity import Continuity
from workers.upkeep.witness import Witnesses

MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[FailingValkey]:
    with own_valkey() as made:
        yield made


@pytest.fixture
def anew() -> Iterator[FailingValkey]:
    """The machine on which it is restored; nothing runs there yet."""
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        made = FailingValkey(Path(folder))
        yield made
        made.stop()


@asynccontextmanager
async def opened(server: FailingValkey) -> AsyncIterator[Ledger]:
    redis = Redis.from_url(server.url)
    yield Ledger(
        Store(
            redis, queue_key=QUEUE_KEY, lease=MINUTE, requeue_after=MINUTE, own_clock=True,
            retention=timedelta(days=400),
        )
    )  # fmt: skip
    await redis.aclose()


def looks(ledger: Ledger, clock: TestClock, state_dir: Path) -> Continuity:
    witnesses = Witnesses([state_dir / "ledger-witness.json"], writes=True)
    return Continuity(ledger, witnesses, clock, "service")


def persistence(redis: Any) -> Any:
    return redis.info("persistence")


def written(redis: Any) -> bool:
    state = persistence(redis)
    return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]


def copied(server: FailingValkey) -> Path:
    """BGSAVE, and the file once it is whole."""
    with server.client() as redis:
        redis.bgsave()
        until(lambda: not persistence(redis)["rdb_bgsave_in_progress"], "it is saved")
        assert persistence(redis)["rdb_last_bgsave_status"] == "ok"
    return server.folder / "dump.rdb"


async def test_a_restored_copy_waits_for_an_admin(
    server: FailingValkey, anew: FailingValkey, clock: TestClock, tmp_path: Path
) -> None:
    policy = {"approval": "never", "grace_period": "1h"}
    async with opened(server) as ledger:
        assert await looks(ledger, clock, tmp_path).look() is None
        async with Rehearsal(ledger, clock, SandboxSettings(), policy) as it:
            asked = (await it.event(company="2")).deletion_id
            assert asked is not None
            assert (await it.advance(asked)).state == "scheduled"
            shutil.copy(copied(server), anew.folder / "dump.rdb")
            # After the copy: the client came back.
            await it.event(active=True, company="2")
            assert await looks(ledger, clock, tmp_path).look() is None

    # The trap: with appendonly yes a server does not read dump.rdb, and starts with nothing.
    anew.start(appendonly="yes")
    async with opened(anew) as ledger:
        assert await ledger.store.redis.exists(f"unglue:deletion:{asked}") == 0
        assert await looks(ledger, clock, tmp_path).look() == LEDGER_LOST
    anew.kill()
    shutil.rmtree(anew.folder / "appendonlydir")
    shutil.copy(server.folder / "dump.rdb", anew.folder / "dump.rdb")

    # As the page says: first without, then the append-only file is written from what was read.
    anew.start(appendonly="no")
    with anew.client() as redis:
        redis.config_set("appendonly", "yes")
        until(lambda: written(redis), "the file is written")
    anew.restart()
    async with opened(anew) as ledger, Rehearsal(ledger, clock, SandboxSettings(), policy) as it:
        assert (await ledger.deletions.get(asked)).state == "scheduled"
        clock.forward(hours=2)
        assert await looks(ledger, clock, tmp_path).look() == LEDGER_LOST
        await it.advance(asked)
        assert await it.deletes() == []
        await ledger.stop_switch.resume("alice", "compared", clock(), accept_ledger=True)
        assert await looks(ledger, clock, tmp_path).look() is None
        clock.forward(minutes=10)
        assert await looks(ledger, clock, tmp_path).look() is None
        # Asked for before the loss: somebody has to ask again.
        assert not (await it.run(asked))["deleted"]
        assert await it.deletes() == []
