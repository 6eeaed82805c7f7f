"""One full deletion beside a plain serial loop: requests, sequential round trips, time as a ratio.

Both talk to a sandbox of their own that answers every request after the latency. The serial loop
sends the same requests one after the other, as a script would.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
from redis.asyncio import Redis
from starlette.applications import Starlette

from adapters.models import DeletionRequest, PsaLink
from benchmarks.figure import Figure, Size, over_runs
from service.sandbox.app import create_sandbox
from service.sandbox.seed import DEFAULT_SEED
from service.sandbox.settings import SandboxSettings
from tests.support.ledgers import begin_anew
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
    # As where everybody has looked at this server, and a service is there.
    await begin_anew(redis)
    minute = timedelta(minutes=1)
    store = Store(
        redis, queue_key=QUEUE_KEY, lease=minute, requeue_after=minute, retention=timedelta(days=1)
    )
    ledger = Ledger(store)
    settings = Settings(
        itglue={"base_url": url, "api_key": KEY},
        policy={
            "export": False,
            "approval": "never",
            "grace_period": "0s",
            "dependency_limits": dict.fromkeys(COUNTED, "unlimited"),
        },
    )
    await continuity_of(settings, ledger, system_clock, "benchmark", writes=False).look()
    seconds = 0.0
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        for company in ("28", "2"):
            asked = PsaLink(integration_type="manage", company_id=company)
            name = "TestCompany" if company == "2" else None
            deletion_id, _ = await ledger.deletions.create(
                deletion_id=f"del_{company}",
                request=DeletionRequest(
                    psa=asked, org_name=name, confirm_delete=True, dry_run=company == "28"
                ),
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
    assert deletion.state == "deleted", deletion
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


async def _measured(types: int, latency_ms: float) -> tuple[float, float, int, int]:
    """Seconds, those of the serial loop, requests and sequential round trips of one deletion."""
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        running_valkey(Path(folder)) as valkey,
        serve(sandbox(types, latency_ms)) as ours,
        serve(sandbox(types, latency_ms)) as theirs,
    ):
        seconds, requests = await delete(ours, valkey)
        serial = await serially(theirs, requests)
    return seconds, serial, len(requests), rounds(requests)


def measure(size: Size) -> Iterator[Figure]:
    """One deletion at 100 ms and 40 asset types, several times."""
    types, latency_ms, runs = 40, 100.0, {"quick": 1, "default": 3, "full": 5}[size]
    found = [asyncio.run(_measured(types, latency_ms)) for _ in range(runs)]
    least = ROUND_TRIPS * latency_ms / 1000
    yield over_runs(
        "one deletion's time over 6 round trips", [seconds / least for seconds, *_ in found],
        "<= 1.1", note=f"{statistics.median(serial / s for s, serial, *_ in found):.1f} times as "
        "fast as the same requests in a row",
    )  # fmt: skip
    # The last two: the witnesses of the account, and what the organization held.
    allowed = KINDS + types + 1 + 1 + 3 + 2 + 2
    requests, trips = max(each[2] for each in found), max(each[3] for each in found)
    yield Figure("requests of one deletion", requests, f"<= {allowed}")
    yield Figure("sequential round trips to IT Glue", trips, f"<= {ROUND_TRIPS}")
