"""What every test may ask for."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import hypothesis
import pytest
from redis.asyncio import Redis

from service.sandbox.psa.app import create_psa
from service.sandbox.psa.tenant import Tenant
from tests.support.clock import TestClock
from tests.support.fault_table import pytest_terminal_summary
from tests.support.ledgers import begin_anew, memory_of
from tests.support.serve import serve
from tests.support.valkey import running_valkey
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.processes.queue import QUEUE_KEY

__all__ = ["pytest_terminal_summary"]

# Servers and spools of the tests wait until each write is on disk: on a disk that is most of their
# time, in memory next to nothing, and a killed process loses as little there.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a place, and no name in it
_ROOM_BYTES = 1 << 30
if _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _ROOM_BYTES:
    tempfile.tempdir = os.environ.setdefault("TMPDIR", str(_IN_MEMORY))

# No test says how fast something is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

LEASE = timedelta(seconds=60)
REQUEUE_AFTER = timedelta(seconds=30)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _many_logins_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of many wrong tokens all come from one address; only its own test limits them."""
    monkeypatch.setattr("service.access.logins.MOST", 100_000)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    # A socket's path is short, and pytest's own folders are not.
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        running_valkey(Path(folder)) as url,
    ):
        yield url


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Tenant, str]]:
    """A tenant of every PSA, and where it is."""
    tenant = Tenant()
    with serve(create_psa(tenant)) as url:
        yield tenant, url


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """A server with a new ledger, and nothing in it."""
    client = Redis.from_url(valkey_url)
    await begin_anew(client)
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def ledger(redis: Redis) -> Ledger:
    return Ledger(
        Store(
            redis,
            queue_key=QUEUE_KEY,
            lease=LEASE,
            requeue_after=REQUEUE_AFTER,
            retention=timedelta(days=400),
            memory=await memory_of(redis),
            own_clock=True,
        )
    )
