"""`/v1/notifications` and `unglue notifications test`: does anybody hear of it?"""

import asyncio
import json
import os
import sys
from random import Random
from typing import Any

import pytest

from service.doctor.examination import examine
from tests.support.receiver import Receiver, reply
from tests.support.service import configured, only_error, running_service, token
from workers.ledger.ledger import Ledger
from workers.outbox.outgoing import Means, host_of
from workers.outbox.sender import Sender
from workers.settings import Settings
from workers.times.clock import system_clock


def targets(receiver: Receiver) -> dict[str, Any]:
    return {
        "ops": {"url": receiver.url, "format": "json", "allow_private_networks": True},
        # A test is for everybody, whatever else they want to hear of.
        "chat": {
            "url": receiver.url,
            "format": "slack",
            "kinds": ["paused"],
            "allow_private_networks": True,
        },
    }


async def work(ledger: Ledger, settings: Settings) -> None:
    """One round of a sender."""
    sender = Sender(Means(ledger, settings, system_clock, Random(7)))  # noqa: S311 - jitter
    await sender.round()
    await sender.settled()


async def test_a_test_goes_to_all(ledger: Ledger, valkey_url: str, receiver: Receiver) -> None:
    settings = configured(valkey_url, notifications=targets(receiver))
    with running_service(settings) as service:
        answer = await asyncio.to_thread(service.call, "POST", "/v1/notifications/test")
        assert (answer.status_code, answer.json()["targets"]) == (202, ["chat", "ops"])
        path = f"/v1/notifications/{answer.json()['id']}"
        assert (await asyncio.to_thread(service.call, "GET", path)).json()["targets"] is None
        receiver.answers += [reply(204), reply(404, b"no_service")]
        await work(ledger, settings)
        shown = (await asyncio.to_thread(service.call, "GET", path)).json()
        assert (shown["kind"], shown["detail"]) == ("test", {"asked_by": "alice"})
        assert sorted((each["state"], each["status"]) for each in shown["targets"]) == [
            ("delivered", 204),
            ("pending", 404),
        ]
        # The URL is a secret of its own.
        assert receiver.url not in json.dumps(shown)


@pytest.mark.usefixtures("redis")
async def test_who_may_test(valkey_url: str, receiver: Receiver) -> None:
    settings = configured(valkey_url, notifications=targets(receiver))
    with running_service(settings) as service:
        for operator in ("carol", "dave"):
            answer = await asyncio.to_thread(
                service.call, "POST", "/v1/notifications/test", operator=operator
            )
            only_error(answer, 403, "RoleMissing")
        missing = await asyncio.to_thread(service.call, "GET", "/v1/notifications/ntc_9")
        only_error(missing, 404, "NotFound")
    with running_service(configured(valkey_url)) as service:
        answer = await asyncio.to_thread(service.call, "POST", "/v1/notifications/test")
        assert "[notifications]" in only_error(answer, 422, "InvalidRequest")


@pytest.mark.parametrize("answering", ["takes", "refuses", "silent"])
async def test_the_command_says_who_took_it(
    ledger: Ledger, valkey_url: str, receiver: Receiver, answering: str
) -> None:
    settings = configured(valkey_url, notifications=targets(receiver))
    if answering == "refuses":
        receiver.answers.append(reply(403, b"invalid_token"))
    elif answering == "silent":
        for _ in range(2):
            await ledger.hosts.silent(host_of(receiver.url), system_clock())
    with running_service(settings) as service:
        command = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "service", "notifications", "test", "--json"),
            *(("--wait", "1") if answering == "silent" else ()),
            env={**os.environ, "UNGLUE_URL": service.url, "UNGLUE_TOKEN": token("alice")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        saying = asyncio.create_task(command.communicate())
        while not saying.done():
            await work(ledger, settings)
            await asyncio.wait([saying], timeout=0.05)
        out, err = await saying
    assert command.returncode == (0 if answering == "takes" else 1)
    states = [each["state"] for each in json.loads(out)["targets"]]
    assert ("pending" in states) is (answering != "takes")
    assert (b"not tried within 1 s" in err) is (answering == "silent")


@pytest.mark.usefixtures("redis")
async def test_the_doctor_looks_at_the_addresses(valkey_url: str) -> None:
    tables = {
        "inside": {"url": "https://localhost/secret-path", "format": "slack"},
        "loopback": {
            "url": "http://127.0.0.1:1/",
            "format": "json",
            "allow_private_networks": True,
        },
    }
    settings = Settings(
        redis_url=valkey_url,
        itglue={"base_url": "http://127.0.0.1:1", "api_key": "ITG.x"},
        notifications=tables,
        policy={"export": False},
    )
    found = [it async for it in examine(settings) if it.part == "notifications"]
    assert [finding.level for finding in found] == ["fail", "ok"]
    assert "notifications.inside.allow_private_networks" in found[0].cure
    assert not any("secret-path" in f"{finding}" for finding in found)
