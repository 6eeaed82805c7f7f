"""Failed logins: counted by address, limited, written down; a right token always passes."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as ConnectionLost

from adapters.errors import TooManyAttempts, Unauthorized
from service.access import logins
from service.access.logins import MOST, Logins
from service.access.operators import authenticate, new_token, token_hash
from tests.support.clock import TestClock
from workers.ledger.auditing.audit import Audit
from workers.settings.operators import Operator

TOKEN = new_token()
OPERATORS = {"alice": Operator(token_sha256=token_hash(TOKEN), roles=("request",))}
RIGHT, WRONG = f"Bearer {TOKEN}", "Bearer guess"


class Written:
    """An audit log, or one whose Redis is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.entries: list[dict[str, Any]] = []
        self.away = away
        self.something = asyncio.Event()

    async def write(self, what: str, detail: dict[str, Any], _now: object) -> None:
        if self.away:
            raise ConnectionLost
        self.entries.append({"what": what, **detail})
        self.something.set()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def door(clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> Logins:
    monkeypatch.setattr(logins, "MOST", MOST)
    return Logins(clock)


def knock(door: Logins, token: str | None = WRONG, host: str | None = "192.0.2.1") -> str:
    """What comes of an attempt."""
    try:
        return door.admit(host, token, partial(authenticate, OPERATORS)).name
    except TooManyAttempts as error:
        return f"after {error.retry_after}"
    except Unauthorized:
        return "no"


def test_failures_are_limited_by_address_and_window(door: Logins, clock: TestClock) -> None:
    assert MOST == 30
    assert [knock(door) for _ in range(MOST)] == ["no"] * MOST
    clock.forward(seconds=100)
    assert knock(door) == "after 200"
    assert knock(door, host="192.0.2.2") == "no"
    clock.forward(seconds=199.5)
    assert knock(door) == "after 1"
    clock.forward(seconds=1)
    assert knock(door) == "no"


def test_a_right_token_always_passes(door: Logins) -> None:
    """Whoever guesses behind the same proxy keeps nobody from stopping a deletion."""
    for _ in range(3 * MOST):
        knock(door)
    assert knock(door, RIGHT) == "alice"
    assert knock(door).startswith("after")  # and does not help the one who guesses


def test_a_request_without_a_token_is_no_attempt(door: Logins) -> None:
    for _ in range(2 * MOST):
        assert knock(door, None) == "no"
    assert knock(door) == "no"


def test_what_is_remembered_is_bounded(door: Logins) -> None:
    for number in range(5000):
        knock(door, host=f"10.0.{number // 250}.{number % 250}")
    assert len(door._peers) == 1000
    assert set(door.seen) == set()


async def test_each_address_is_written_down_once_a_minute(door: Logins, clock: TestClock) -> None:
    written = Written()
    audit = cast("Audit", written)
    for _ in range(3):
        knock(door)
        await door.report(audit)
    clock.forward(minutes=1)
    await door.report(audit)
    assert written.entries == [
        {"what": "login_failed", "peer": "192.0.2.1", "failures": 1},
        {"what": "login_failed", "peer": "192.0.2.1", "failures": 2},
    ]
    knock(door, RIGHT)
    clock.forward(minutes=1)
    await door.report(audit)
    assert len(written.entries) == 2


async def test_what_failed_is_written_down_although_nobody_calls_any_more(
    door: Logins, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "_TOLD_EVERY", timedelta(milliseconds=1))
    written = Written()
    async with door.reporting(cast("Audit", written)):
        for _ in range(7):
            knock(door)
        clock.forward(minutes=1)
        async with asyncio.timeout(30):
            await written.something.wait()
    assert written.entries == [{"what": "login_failed", "peer": "192.0.2.1", "failures": 7}]


async def test_many_addresses_do_not_fill_the_audit_log(door: Logins, clock: TestClock) -> None:
    written = Written()
    for number in range(200):
        knock(door, host=f"10.0.0.{number}")
        await door.report(cast("Audit", written))
    assert len(written.entries) == 30
    clock.forward(minutes=1)
    await door.report(cast("Audit", written))
    assert len(written.entries) == 60


async def test_the_answer_does_not_depend_on_the_audit_log(door: Logins) -> None:
    knock(door)
    await door.report(cast("Audit", Written(away=True)))


def test_a_token_is_long_and_new() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("unglue_") and len(token) == 50 for token in tokens)
