"""When a callback is tried again."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from workers.outbox.schedule import Next, after

NOW = datetime(2026, 1, 22, 10, 30, tzinfo=UTC)
# Standard Webhooks, "Deliverability": after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
SECONDS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def judged(
    status: int | None, attempt: int = 1, retry_after: float | None = None, seed: int = 0
) -> Next:
    return after(
        status=status,
        attempt=attempt,
        retry_after=retry_after,
        now=NOW,
        random=Random(seed),  # noqa: S311 - jitter
    )


@pytest.mark.parametrize("attempt", [1, 10, 99])
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_delivered(status: int, attempt: int) -> None:
    assert judged(status, attempt).state == "delivered"


@pytest.mark.parametrize("attempt", [1, 10])
def test_gone_stops_it(attempt: int) -> None:
    following = judged(410, attempt)
    assert following.state == "stopped"
    assert "410" in following.why


@pytest.mark.parametrize("status", [None, 199, 300, 301, 302, 400, 401, 404, 413, 429, 500, 503])
def test_anything_else_is_tried_again(status: int | None) -> None:
    following = judged(status)
    assert following.state == "pending"
    assert following.at > NOW
    assert following.why == ("no answer" if status is None else f"status {status}")


@pytest.mark.parametrize(("attempt", "seconds"), [*enumerate(SECONDS, start=1)])
def test_the_schedule_with_its_jitter(attempt: int, seconds: int) -> None:
    delays = [(judged(500, attempt, seed=seed).at - NOW).total_seconds() for seed in range(300)]
    assert min(delays) >= 0.8 * seconds
    assert max(delays) <= 1.2 * seconds
    # It is jitter, and it uses its whole width.
    assert min(delays) < 0.85 * seconds < 1.15 * seconds < max(delays)


def test_exhausted() -> None:
    assert judged(500, len(SECONDS)).state == "pending"
    following = judged(500, len(SECONDS) + 1)
    assert (following.state, following.why) == ("dead", "10 attempts failed")


@pytest.mark.parametrize(
    ("retry_after", "at_least", "at_most"),
    [
        (0.0, 4, 6),
        (1.0, 4, 6),
        (60.0, 60, 60),
        (3600.0, 3600, 3600),
        (1e6, 86400, 86400),
        (1e300, 86400, 86400),
        (float("inf"), 86400, 86400),
    ],
)
def test_retry_after_is_a_daily_floor(retry_after: float, at_least: int, at_most: int) -> None:
    delay = judged(429, retry_after=retry_after).at - NOW
    assert timedelta(seconds=at_least) <= delay <= timedelta(seconds=at_most)


def test_retry_after_does_not_revive() -> None:
    assert judged(503, len(SECONDS) + 1, retry_after=5).state == "dead"
    assert judged(410, retry_after=5).state == "stopped"
    assert judged(200, retry_after=5).state == "delivered"


def test_the_whole_schedule_lasts_about_three_days() -> None:
    total = sum(((judged(500, attempt).at - NOW) for attempt in range(1, 10)), timedelta())
    assert timedelta(days=2.5) < total < timedelta(days=4)
