"""One full deletion beside a plain serial loop: requests, sequential round trips, time as a ratio.

    python -m benchmarks.deletion [--latency-ms 100] [--types 40]

Both talk to a sandbox of their own that answers every request after the latency. The serial loop
sends the same requests one after the other, as a script would.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
from redis.asyncio import Redis
from starlette.applications import Starlette

from adapters.models import DeletionRequest, PsaLink
from service.sandbox.app import create_sandbox
from service.sandbox.seed import DEFAULT_SEED
from service.sandbox.settings import SandboxSettings
from tests.support.serve import serve
from tests.support.valkey import running_valkey
from workers.itglue.client import ITGlue
from workers.itglue.models import KINDS as COUNTED
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.pipeline.advance import advance
from workers.pipeline.steps.outcome import Context
from workers.processes.queue import QUEUE_KEY
from workers.settings import Settings
from workers.times.clock import system_clock
from workers.upkeep.continuity import continuity_of

KEY = "ITG.sandbox"
# Kinds that have a request: configurations, passwords, contacts, locations, domains, expirations,
# checklists, documents, document folders, sub-organizations, attachments.
KINDS = 11
ROUND_TRIPS = 6


def sandbox(types: int, latency_ms: float) -> Starlette:
    """An account with this many flexible asset types."""
    names = {1000 + number: f"Type {number}" for number in range(types)}
    known = {**DEFAULT_SEED.flexible_asset_types, **names}
    kept = dict(list(known.items())[:types])
    seed = replace(DEFAULT_SEED, flexible_asset_types=kept)
    settings = SandboxSettings(
        seed=seed, latency_ms=latency_ms, removal_seconds=0, requests_per_5_minutes=100_000
    )
    return create_sandbox(settings, now=system_clock)


def rounds(requests: list[dict[str, Any]]) -> int:
    """The most requests of which each began after the one before had ended."""
    count, end = 0, -1
    for entry in sorted(requests, key=lambda entry: entry["finished"]):
        if entry["started"] > end:
            count, end = count + 1, entry["finished"]
    return count


async def delete(url: str, valkey: str) -> tuple[float, list[dict[str, Any]]]:
    """Seconds and requests of one deletion by webhook, the asset types being remembered."""
    redis = Redis.from_url(valkey)
    minute = timedelta(minutes=1)
    store = Store(
        redis, queue_key=QUEUE_KEY, lease=minute, requeue_after=minute, retention=timedelta(days=1)
    )
    ledger = Ledger(store)
    settings = Settings(
        itglue={"base_url": url, "api_key": KEY},
        policy={"export": False, "dependency_limits": dict.fromkeys(COUNTED, "unlimited")},
    )
    await continuity_of(settings, ledger, system_clock, "benchmark", writes=False).look()
    seconds = 0.0
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        for company in ("28", "2"):
            asked = PsaLink(integration_type="manage", company_id=company)
            deletion_id, _ = await ledger.deletions.create(
                deletion_id=f"del_{company}",
                request=DeletionRequest(psa=asked, confirm_delete=True, dry_run=company == "28"),
                operator="benchmark",
                callback_url="",
                idempotency_key=None,
                now=system_clock(),
            )
            before = len((await http.get("/_sandbox/requests")).json()["requests"])
            types = await ledger.asset_types.load()
            async with ITGlue.connect(base_url=url, api_key=KEY, types=types) as itglue:
                context = Context(ledger, itglue, settings, system_clock, Random(1))  # noqa: S311
                started = time.perf_counter()
                deletion = await advance(deletion_id, context)
                seconds = time.perf_counter() - started
            await ledger.asset_types.store(types)
        requests = (await http.get("/_sandbox/requests")).json()["requests"][before:]
    await redis.aclose()
    assert deletion is not None
    assert deletion.state == "deleted", deletion.state
    return seconds, requests


async def serially(url: str, requests: list[dict[str, Any]]) -> float:
    """Seconds for the same requests, one after the other, to a fresh account."""
    async with httpx.AsyncClient(base_url=url, headers={"x-api-key": KEY}, timeout=60) as http:
        started = time.perf_counter()
        for entry in requests:
            if entry["method"] == "DELETE":
                body = {"data": [{"type": "organizations", "attributes": {"id": 301}}]}
                headers = {"content-type": "application/vnd.api+json"}
                await http.request("DELETE", "/organizations", json=body, headers=headers)
            else:
                await http.get(entry["path"], params=entry["query"])
        return time.perf_counter() - started


async def main() -> None:
    """Measure, print, and fail if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--types", type=int, default=40)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        running_valkey(Path(folder)) as valkey,
        serve(sandbox(options.types, options.latency_ms)) as ours,
        serve(sandbox(options.types, options.latency_ms)) as theirs,
    ):
        seconds, requests = await delete(ours, valkey)
        serial = await serially(theirs, requests)
    trips = rounds(requests)
    # The last two: the witnesses of the account, and what the organization held.
    allowed = KINDS + options.types + 1 + 1 + 3 + 2 + 2
    print(f"requests            {len(requests):>6}   (at most {allowed})")
    print(f"round trips         {trips:>6}   (at most {ROUND_TRIPS})")
    print(f"seconds             {seconds:>6.2f}")
    print(f"serial loop         {serial:>6.2f}")
    print(f"ratio               {serial / seconds:>6.1f}   times as fast")
    if len(requests) > allowed or trips > ROUND_TRIPS:
        raise SystemExit("a promise is broken")


if __name__ == "__main__":
    asyncio.run(main())
