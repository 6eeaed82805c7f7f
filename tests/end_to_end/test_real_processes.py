"""The whole installation as real processes on loopback."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from standardwebhooks import Webhook

from service.demo.installation import Installation, running
from service.demo.story import company_updated, signed
from service.supervision import embedded
from tests.support.part import part
from tests.support.plant.plant import eventually
from tests.support.queued import queued
from workers.pipeline.states import TERMINAL
from workers.processes.queue import QUEUE_KEY

QUICK = {
    "UNGLUE_WORKER__LEASE": "3s",
    "UNGLUE_WORKER__REQUEUE_AFTER": "1s",
    "UNGLUE_ITGLUE__TIMEOUT_SECONDS": "2",
}


@asynccontextmanager
async def installed(
    monkeypatch: pytest.MonkeyPatch, *sandbox: str
) -> AsyncIterator[tuple[Installation, httpx.AsyncClient]]:
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        options = ("--removal-seconds", "0.5", *sandbox)
        async with (
            running(Path(folder), policy='resend_after = "6s"', sandbox=options) as at,
            httpx.AsyncClient(trust_env=False, timeout=40) as http,
        ):
            yield at, http


async def send(at: Installation, http: httpx.AsyncClient) -> dict[str, Any]:
    now = datetime.now(UTC)
    body = company_updated(at, company_id=2, name="TestCompany", now=now)
    answer = await http.post(
        f"{at.service}/webhooks/cw", content=body, headers=signed(at, body, now)
    )
    assert answer.status_code == 202, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def ended(at: Installation, http: httpx.AsyncClient, deletion_id: str) -> dict[str, Any]:
    url = f"{at.service}/v1/deletions/{deletion_id}"
    async with asyncio.timeout(40):
        while True:
            answer = await http.get(url, headers={"Authorization": f"Bearer {at.token}"})
            deletion: dict[str, Any] = answer.json()
            if deletion["state"] in TERMINAL:
                return deletion
            await asyncio.sleep(0.1)


async def deletes(at: Installation, http: httpx.AsyncClient) -> int:
    answer = await http.get(f"{at.sandbox}/_sandbox/requests", params={"method": "DELETE"})
    return len(answer.json()["requests"])


@pytest.mark.parametrize(("died", "sent_before"), [("before", 0), ("after", 1)])
async def test_killed_at_the_call(
    monkeypatch: pytest.MonkeyPatch, died: str, sent_before: int
) -> None:
    async with installed(monkeypatch) as (at, http):
        await at.processes.stop("worker")
        await at.processes.start("dying", "tests.support.dying_worker", [died])
        receipt = await send(at, http)
        assert await at.processes.wait_for("dying") == -signal.SIGKILL
        assert await deletes(at, http) == sent_before
        await at.processes.start("worker", "service", ["worker"])

        deletion = await ended(at, http, receipt["deletion_id"])
        assert (deletion["state"], deletion["result"]["deleted"]) == ("deleted", True)
        assert await deletes(at, http) == 1
        callback = (await http.get(f"{at.receiver}/received/0")).json()
        Webhook(at.callback_secret).verify(callback["body"], callback["headers"], json_parse=False)
        assert json.loads(callback["body"]) == deletion["result"]


async def test_the_scheduler_finds_what_was_never_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    async with installed(monkeypatch) as (at, http):
        await at.processes.stop("worker")
        receipt = await send(at, http)
        redis = Redis.from_url(at.redis_url)
        await queued(redis)
        assert await redis.delete(QUEUE_KEY) == 1
        await redis.aclose()
        await at.processes.start("worker", "service", ["worker"])

        assert (await ended(at, http, receipt["deletion_id"]))["state"] == "deleted"
        assert await deletes(at, http) == 1


async def test_a_duplicate_delivery_is_one_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    async with installed(monkeypatch) as (at, http):
        now = datetime.now(UTC)
        body = company_updated(at, company_id=2, name="TestCompany", now=now)
        url, headers = f"{at.service}/webhooks/cw", signed(at, body, now)
        posts = (http.post(url, content=body, headers=headers) for _ in range(5))
        answers = [answer.json() for answer in await asyncio.gather(*posts)]

        assert sorted(answer["verdict"] for answer in answers) == ["accepted"] + ["duplicate"] * 4
        assert len({answer["deletion_id"] for answer in answers}) == 1
        assert (await ended(at, http, answers[0]["deletion_id"]))["state"] == "deleted"
        assert await deletes(at, http) == 1


def processes_of(marker: str) -> list[str]:
    """Command lines that name the marker."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if marker in command and int(entry.name) != os.getpid():
                found.append(command)
    return found


def demo(folder: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "service", "demo", "--data-dir", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_demo_tells_its_story_and_leaves_nothing_behind() -> None:
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        process = demo(folder)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        results = [json.loads(text + "}") for text in out.split("\n}\n") if text]
        assert [(it["success"], it["deleted"]) for it in results] == [
            (True, True),
            (True, False),
            (False, False),
            (True, True),
            (False, False),
            (True, True),
        ]
        assert results[-2]["errors"][0]["code"] == "Cancelled"
        assert processes_of(folder) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_ctrl_c_ends_the_demo_and_everything_it_started() -> None:
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        process = demo(folder)
        assert process.stderr is not None
        while "POST" not in process.stderr.readline():
            assert process.poll() is None
        assert processes_of(folder) != []
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 130
        assert processes_of(folder) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_demo_that_is_killed_leaves_nothing_behind() -> None:
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        process = demo(folder)
        assert process.stderr is not None
        while "POST" not in process.stderr.readline():
            assert process.poll() is None
        process.kill()
        process.communicate(timeout=30)
        # The Valkey names the folder, and ends last.
        eventually(lambda: processes_of(folder) == [], "nothing is left")


def test_an_up_that_is_killed_takes_its_parts_with_it_the_valkey_last(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        part("up", tmp_path, "--data-dir", folder) as up,
    ):
        for said in ("serving", "scheduling", "working"):
            up.wait_for(said)
        with SyncRedis.from_url(embedded.url(Path(folder))) as redis:
            eventually(lambda: redis.scard("rq:workers") == 1, "it works")
        up.tell(signal.SIGKILL)
        up.wait_for("left_alone", 3)
        log = Path(folder) / "valkey.log"
        eventually(lambda: "bye bye" in log.read_text(encoding="utf-8"), "Valkey has ended")
        # Each of them ended in order, and none of them missed Redis.
        assert up.said("stopped") != []
        assert up.said("redis_unavailable") == []
        assert "Traceback" not in up.everything
        # So another one can begin where this one was.
        with part("up", tmp_path, "--data-dir", folder) as again:
            again.wait_for("working")
            again.stop()
