"""How often others are asked: what is asked once must not come to be asked twice unnoticed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection

from adapters.headers import Headers
from benchmarks.load import callback, companies
from service.demo.stand_ins import KEY_PATH
from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.rehearsal import Rehearsal
from tests.support.service import COMPANY, KEY, configured, signature
from workers.intake.intake import Acknowledged, Intake
from workers.ledger.ledger import Ledger
from workers.network.redis_url import connect
from workers.processes.runtime import new_id

ORIGIN = "http://127.0.0.1:5"
# Of a plan that finds one organization, of the call and of its proof; with three asset types.
REQUESTS = 27


class Keys:
    """The vendor's key server, remembered."""

    async def get(self, _url: str, *, refresh: bool = False) -> str:
        assert not refresh
        return KEY


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was sent to Redis, one entry a round trip."""
    sent: list[bytes] = []
    real = AbstractConnection.send_packed_command

    async def noted(self: Any, command: Any, *more: Any, **options: Any) -> None:
        parts = [command] if isinstance(command, bytes | str) else command
        sent.append(b"".join(each.encode() if isinstance(each, str) else each for each in parts))
        await real(self, command, *more, **options)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", noted)
    return sent


def intake(ledger: Ledger, clock: TestClock) -> Intake:
    return Intake(
        sources=configured("redis://nowhere", ORIGIN).sources,
        deliveries=ledger.deliveries,
        quarantine=ledger.quarantine,
        keys=Keys(),  # type: ignore[arg-type] # asked for nothing else
        callback_url=None,
        max_event_age=timedelta(days=36500),
        clock=clock,
        new_id=new_id,
    )


async def deliver(here: Intake, status: str = "Inactive") -> Acknowledged:
    (company,) = companies(1)
    body = callback(company, f"{ORIGIN}{KEY_PATH}?companyName={COMPANY}&id=1", status=status)
    return await here.accept("cw", Headers.of({"x-content-signature": signature(body)}), body)


async def test_a_server_is_greeted_once_a_connection(valkey_url: str, written: list[bytes]) -> None:
    assert valkey_url.startswith("unix://")
    async with connect(valkey_url) as client:
        await client.ping()
    assert [each.split()[2] for each in written] == [b"HELLO", b"PING"]


async def test_one_round_trip(ledger: Ledger, clock: TestClock, written: list[bytes]) -> None:
    here, sent = intake(ledger, clock), written
    await deliver(here)
    await deliver(here, "Active")
    sent.clear()
    await deliver(here)
    assert len(sent) == 1
    sent.clear()
    done = await asyncio.gather(*(deliver(here) for _ in range(40)))
    assert len({each.delivery_id for each in done}) == 40
    assert len([each for each in sent if b"EVALSHA" in each]) <= 3
    # Those that wait for the disk wait for it together.
    sent.clear()
    await asyncio.gather(*(deliver(here, "Active") for _ in range(40)))
    assert len([each for each in sent if b"WAITAOF" in each]) <= 5


async def test_who_waits_together_is_not_answered_together(
    ledger: Ledger, clock: TestClock, written: list[bytes]
) -> None:
    here = intake(ledger, clock)
    await deliver(here)
    written.clear()
    await asyncio.gather(*(deliver(here) for _ in range(32)))
    runs = [each for each in written if b"EVALSHA" in each]
    assert [run.count(b"\r\ndlv_") for run in runs] == [16, 16]


async def test_a_bad_one_fails_alone(ledger: Ledger, clock: TestClock) -> None:
    here = intake(ledger, clock)
    receive = ledger.deliveries.receive
    bad = {"kind": "nothing known", "event_id": "1"}

    async def wrong() -> Any:
        delivery = {"id": "dlv_bad", "source": "cw", "vendor": "connectwise", "headers": "[]"}
        return await receive(delivery=delivery, body=b"{}", events=[bad], now=clock())

    good = [deliver(here) for _ in range(5)]
    first, failed, *rest = await asyncio.gather(good[0], wrong(), *good[1:], return_exceptions=True)
    assert isinstance(failed, Exception)
    assert all(isinstance(each, Acknowledged) for each in (first, *rest))


async def test_requests_of_a_deletion(ledger: Ledger, clock: TestClock) -> None:
    settings = SandboxSettings(removal_seconds=0)
    async with Rehearsal(ledger, clock, settings, {"approval": "never"}) as here:
        deletion_id = (await here.event()).deletion_id
        assert deletion_id is not None
        assert (await here.run(deletion_id))["deleted"]
        asked = (await here.http.get("/_sandbox/requests")).json()["requests"]
    assert len(asked) <= REQUESTS, len(asked)
