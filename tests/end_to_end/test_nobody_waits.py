"""Who asks for something is served soon, whatever hangs and whoever is busy."""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.registry import VENDORS
from service.demo.installation import Installation
from tests.end_to_end.test_real_processes import QUICK, ended, installed
from tests.support.receiver import silent
from workers.settings import load_settings

# An undisturbed one takes a third of a second on a quiet machine; before, it took minutes.
SOON = 20.0


async def ask(at: Installation, http: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await http.post(
        f"{at.service}/v1/deletions",
        json={"org_id": "302", "dry_run": True, **more},
        headers={"Authorization": f"Bearer {at.token}", "Prefer": "wait=35"},
    )
    assert answer.is_success, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def test_receivers_that_hang_delay_no_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async with installed(monkeypatch) as (at, http):
        with silent() as port:
            url = f"http://127.0.0.1:{port}/"
            asked = [await ask(at, http, callback_url=url) for _ in range(20)]
            assert {each["state"] for each in asked} == {"previewed"}
            began = time.monotonic()
            for _ in range(5):
                assert (await ask(at, http))["state"] == "previewed"
            assert time.monotonic() - began < 2 * SOON
            # Nor its result: the demonstration's receiver has it.
            name = (await ask(at, http))["id"]
            began = time.monotonic()
            while (seen := await ended(at, http, name))["callbacks"][0]["state"] == "pending":
                assert time.monotonic() - began < SOON
                await asyncio.sleep(0.1)
            assert seen["callbacks"][0]["state"] == "delivered"


async def test_a_flood_of_events_delays_no_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async with installed(monkeypatch) as (at, http):
        source = load_settings({**QUICK, "UNGLUE_CONFIG": str(at.config)}).sources["scripts"]

        async def event(number: int) -> str:
            now = datetime.now(UTC)
            data = {"org_name": f"Nobody {number}"}
            link = {"integration_type": "manage", "company_id": str(90_000 + number)}
            content = {"type": "client.inactive", "timestamp": now.isoformat()}
            body = json.dumps({**content, "data": {**data, "psa": link}}).encode()
            headers = VENDORS["standard"].sign(source, body, None, f"evt_{number}", now)
            answer = await http.post(
                f"{at.service}/webhooks/scripts", content=body, headers=headers
            )
            assert answer.status_code == 202, answer.text
            return str(answer.json()["deletion_id"])

        # Nobody works on the flood before it is there, however slowly it comes.
        await at.processes.stop("worker")
        names = [await event(number) for number in range(100)]
        began = time.monotonic()
        asked = asyncio.create_task(ask(at, http))
        await at.processes.start("worker", "service", ["worker"])
        assert (await asked)["state"] == "previewed"
        took = time.monotonic() - began
        # Much of the flood is still there.
        answer = await http.get(
            f"{at.service}/v1/status", headers={"Authorization": f"Bearer {at.token}"}
        )
        assert answer.json()["deletions"]["queued"] > 50
        assert took < SOON
        for name in names:
            assert (await ended(at, http, name))["state"] == "failed"
