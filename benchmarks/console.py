"""How long the console's pages take with a hundred thousand deletions in the ledger."""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from redis.asyncio import Redis

from benchmarks.figure import Figure, Size, over_runs
from tests.support.approvals import awaiting
from tests.support.busy_console import ASKED, rejected
from tests.support.console import Browser, logged_in
from tests.support.ledgers import new_store
from tests.support.service import configured, running_service, secret_key
from tests.support.valkey import running_valkey
from workers.ledger.bulk.comparisons import Comparison
from workers.ledger.ledger import Ledger
from workers.ledger.packing import pack_record
from workers.pipeline.states import STATES, TERMINAL
from workers.settings import Settings
from workers.times.clock import to_ms
from workers.upkeep.packing import _PACKED

GOAL_MS: Final = 200
ROUNDS: Final = 5
CHUNK: Final = 1000
# Over so many days, as an installation's year would be.
DAYS: Final = 365
LINKS: Final = 10_000
HELD: Final = 1000
PAGES: Final[Mapping[str, str]] = {
    "overview": "/",
    "deletions": "/deletions",
    "deletions of one state": "/deletions?state=failed",
    "search by id": "/deletions?q=70001",
    "search by name": "/deletions?q=Client+99",
    "search without a hit": "/deletions?q=nobody+has+this+name",
    "one deletion": "/deletions/del_1",
    "deliveries": "/deliveries",
    "results out": "/results",
    "sources": "/sources",
    "links": "/links/cw",
    "links, the backlog": "/links/cw?backlog=yes",
    "replays, counted": "/replays?what=deletions",
    "deliveries that hold": "/holds?source=cw&verdict=rejected",
    "schedules": "/schedules",
    "protected": "/protected",
    "audit": "/audit",
    "month": "/month",
}


async def filled(url: str, settings: Settings, count: int) -> None:
    """A ledger with copies of a planned deletion, of all states and a year."""
    redis = Redis.from_url(url)
    store = await new_store(redis)
    await awaiting(Ledger(store), settings)
    # A large account, and one afternoon's mistake of a vendor.
    links = Comparison(datetime.now(UTC), "alice", [link(each) for each in range(LINKS)])
    await Ledger(store).comparisons.keep("cw", links)
    for number in range(HELD):
        await rejected(Ledger(store), datetime.now(UTC), number=number)
    known = await store.hash("deletion", "del_1")
    lines = await redis.lrange(store.key("journal", "del_1"), 0, -1)
    journal = [line.decode() for line in cast("list[bytes]", lines)]
    now = datetime.now(UTC)
    for begin in range(0, count, CHUNK):
        async with redis.pipeline(transaction=False) as writes:
            for number in range(begin, min(begin + CHUNK, count)):
                name, state = f"del_b{number}", STATES[number % len(STATES)]
                at = to_ms(now - timedelta(days=DAYS) * (number / count))
                plan = known["plan"].replace('"301"', f'"{number + 1000}"')
                fields: dict[Any, Any] = {
                    **known, "id": name, "state": state, "created_at": str(at),
                    "plan": plan.replace("B\u00e4ckerei", f"Client {number}"),
                }  # fmt: skip
                if state in TERMINAL:
                    # As what ended lies there a while later.
                    kept = {field: each for field, each in fields.items() if field in _PACKED}
                    fields = {name: each for name, each in fields.items() if name not in kept}
                    fields |= pack_record(kept, journal)
                writes.hset(store.key("deletion", name), mapping=fields)
                writes.zadd(store.key("deletions"), {name: at})
                writes.zadd(store.key("deletions", state), {name: at})
            await writes.execute()
    await redis.aclose()


def link(number: int) -> tuple[Any, ...]:
    """A client of the PSA, every fifth one left."""
    gone = number % 5 == 0
    name = f"Client number {number}"
    return ("linked", str(number), name, not gone, "", [str(number)], name, "Active", gone)


def milliseconds(browser: Browser, path: str) -> list[float]:
    """How long a page took, time after time."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = browser.get(path)
        taken.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    return taken


def measure(size: Size) -> list[Figure]:
    """A figure a page."""
    count = 10_000 if size == "quick" else 100_000
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        running_valkey(Path(folder), appendfsync="everysec") as url,
    ):
        settings = configured(
            url, policy={"approval": "always"}, secret_keys=[secret_key("k")], sources=ASKED
        )
        asyncio.run(filled(url, settings, count))
        with running_service(settings) as service:
            browser = logged_in(service, "alice")
            return [
                over_runs(
                    f"console, {count} deletions: {name}",
                    milliseconds(browser, path),
                    goal=f"< {GOAL_MS}",
                    unit="ms",
                )
                for name, path in PAGES.items()
            ]
