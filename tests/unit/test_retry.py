"""When a failed attempt is made again."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from adapters.errors import (
    ConfigurationError,
    DeletionBlocked,
    InvalidIdentifier,
    ITGlueConnectionError,
    OrganizationNotFound,
    PermissionDenied,
    UnglueError,
)
from workers.network.retry import RetryDecision, decide, retry_after

NOW = datetime(2026, 1, 22, 10, 30, tzinfo=UTC)
DATE = "Thu, 22 Jan 2026 10:30:00 GMT"
LATER = "Thu, 22 Jan 2026 10:32:00 GMT"


def decided(
    attempt: int = 1,
    *,
    most: int = 8,
    wait: float | None = None,
    seed: int = 0,
    error: object = None,
) -> RetryDecision:
    failure = error if isinstance(error, UnglueError) else ITGlueConnectionError("down")
    return decide(
        failure,
        attempt=attempt,
        max_attempts=most,
        now=NOW,
        random=Random(seed),  # noqa: S311 - jitter
        retry_after=wait,
    )


def delay(attempt: int, **options: float) -> float:
    decision = decided(attempt, most=1000, **options)  # type: ignore[arg-type] # seed and wait
    assert decision.at is not None
    return (decision.at - NOW).total_seconds()


@pytest.mark.parametrize(
    "error",
    [
        OrganizationNotFound("x"),
        PermissionDenied("x"),
        DeletionBlocked("x"),
        InvalidIdentifier("x"),
        ConfigurationError("x"),
    ],
)
def test_what_will_not_change_is_not_tried_again(error: UnglueError) -> None:
    assert decided(error=error, wait=5) == RetryDecision(None, "permanent")


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [(1, 2), (2, 4), (3, 8), (8, 256), (9, 512), (10, 600), (11, 600), (64, 600), (999, 600)],
)
def test_the_back_off_doubles_up_to_ten_minutes(attempt: int, ceiling: int) -> None:
    delays = [delay(attempt, seed=seed) for seed in range(300)]
    assert ceiling / 2 <= min(delays) < 0.55 * ceiling
    assert 0.95 * ceiling < max(delays) <= ceiling


def test_it_gives_up() -> None:
    assert decided(7).why == "attempt 7 of 8 failed"
    assert decided(8) == RetryDecision(None, "all 8 attempts failed")
    assert decided(9, wait=1).at is None
    assert decided(1, most=1).at is None


@pytest.mark.parametrize(
    ("wait", "expected"), [(0, None), (30, 30), (600, 600), (1e6, 600), (1e300, 600)]
)
def test_retry_after_is_a_floor(wait: float, expected: float | None) -> None:
    assert delay(1, wait=wait) == (delay(1) if expected is None else expected)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": LATER, "date": DATE}, 120),
        ({"retry-after": DATE, "date": LATER}, 0),
        ({"retry-after": LATER}, None),
        ({"retry-after": LATER, "date": "nonsense"}, None),
        ({"retry-after": "Thu, 99 Jan 2026 10:32:00 GMT", "date": DATE}, None),
        ({"retry-after": LATER.replace("GMT", "-0000"), "date": DATE}, None),
    ],
)
def test_the_header(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers) == expected


def test_times_stay_in_utc() -> None:
    decision = decided()
    assert decision.at is not None
    assert decision.at.tzinfo is UTC
    assert decision.at - NOW < timedelta(minutes=10)
