"""What ends every worker that takes it: given to three, then to none, and replayable afterwards."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.demo.installation import Installation, running
from tests.end_to_end.test_real_processes import QUICK, deletes, ended, send

SCHEDULE = '[schedules.all]\ncron = "0 3 1 1 *"\nmax_share = 1.0'


class Poisoned:
    """An installation whose worker dies of some kinds of work."""

    def __init__(self, at: Installation, http: httpx.AsyncClient) -> None:
        self.at, self.http = at, http

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await self.http.request(
            method,
            f"{self.at.service}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.at.token}"},
        )
        assert answer.is_success, answer.text
        content: dict[str, Any] = answer.json()
        return content

    async def until(self, path: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What is at the path, once it fits."""
        async with asyncio.timeout(90):
            while True:
                seen = await self.call("GET", path)
                if fits(seen):
                    return seen
                await asyncio.sleep(0.1)

    async def cured(self) -> None:
        """Another worker, which dies of nothing."""
        # It lived through all of it: only its jobs' processes ended.
        assert "poisoned" not in self.at.processes.ended()
        await self.at.processes.stop("poisoned")
        await self.at.processes.start("worker", "service", ["worker"])


def state_is(state: str) -> Callable[[dict[str, Any]], bool]:
    return lambda seen: bool(seen["state"] == state)


@asynccontextmanager
async def poisoned(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> AsyncIterator[Poisoned]:
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    policy = f'resend_after = "6s"\n\n{SCHEDULE}'
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        async with (
            running(Path(folder), policy=policy, sandbox=("--removal-seconds", "0.5")) as at,
            httpx.AsyncClient(trust_env=False, timeout=40) as http,
        ):
            await at.processes.stop("worker")
            await at.processes.start("poisoned", "tests.support.poisoned_worker", kinds)
            yield Poisoned(at, http)


async def test_three_workers_die_of_it_and_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async with poisoned(monkeypatch, "deletion", "sweep", "replay") as it:
        sweep = (await it.call("POST", "/v1/schedules/all/sweep", {"dry_run": True}))["id"]
        receipt = await send(it.at, it.http)
        parked = await ended(it.at, it.http, receipt["deletion_id"])
        (error,) = parked["result"]["errors"]
        assert parked["state"] == "failed"
        assert "ended its worker 3 times in step plan and was parked" in error["message"]
        expired = [each for each in parked["journal"] if each["entry"] == "lease_expired"]
        assert len(expired) == 3

        over = await it.until(f"/v1/sweeps/{sweep}", state_is("failed"))
        assert "ended its worker 3 times in a row" in over["summary"]["errors"][0]["message"]

        body = {"what": "deletions", "ids": [parked["id"]]}
        bulk = (await it.call("POST", "/v1/replays", body))["id"]
        over = await it.until(f"/v1/replays/{bulk}", state_is("finished"))
        assert over["refused"] == {parked["id"]: "killed_its_worker"}
        assert await deletes(it.at, it.http) == 0

        await it.cured()
        await it.call("POST", f"/v1/deletions/{parked['id']}/replay")
        deleted = await ended(it.at, it.http, parked["id"])
        assert (deleted["state"], deleted["generation"]) == ("deleted", 2)
        assert deleted["history"][0]["errors"] == [error]
        assert await deletes(it.at, it.http) == 1


async def test_a_result_that_kills_workers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with poisoned(monkeypatch, "callback") as it:
        receipt = await send(it.at, it.http)
        deleted = await ended(it.at, it.http, receipt["deletion_id"])
        assert deleted["state"] == "deleted"
        path = f"/v1/deletions/{deleted['id']}"
        given_up = await it.until(path, lambda seen: seen["callbacks"][0]["state"] == "dead")
        (line,) = [each for each in given_up["journal"] if each["entry"] == "callback"]
        assert "ended its worker three times" in line["why"]
        assert (await it.http.get(f"{it.at.receiver}/received/0")).status_code != 200

        await it.cured()
        await it.call("POST", "/v1/replays", {"what": "callbacks", "ids": [deleted["id"]]})
        seen = await it.until(path, lambda seen: seen["callbacks"][-1]["state"] == "delivered")
        found = seen["callbacks"]
        sent = (await it.http.get(f"{it.at.receiver}/received/0")).json()
        assert sent["headers"]["webhook-id"] == "msg_" + found[1]["id"].removeprefix("cb_")
