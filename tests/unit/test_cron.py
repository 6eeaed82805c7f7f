"""The times of a cron line, on the days when the clocks change and otherwise."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.times.cron import checked_cron, checked_zone, coming, newest_tick

BERLIN = "Europe/Berlin"
LINES = ("0 3 1 * *", "30 2 * * *", "*/30 * * * *", "0 0 29 2 *", "15 1,3 * * MON", "0 3 * * 1L")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_one(line: str) -> None:
    assert checked_cron(line) == line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "5 fields"),
        ("0 3 1 *", "5 fields"),
        ("0 0 3 1 * *", "5 fields"),
        ("@daily", "5 fields"),
        ("60 3 1 * *", "not a cron line"),
        ("x 3 1 * *", "not a cron line"),
        ("0 3 31 2 *", "not a cron line"),
        ("0 3 */30 2 1L", "never comes"),
    ],
)
def test_a_line_that_is_none(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked_cron(line)


@pytest.mark.parametrize("name", ["Berlin", "", "../etc/passwd", "/etc/localtime", "UTC+99"])
def test_a_zone_that_is_none(name: str) -> None:
    assert checked_zone(BERLIN) == BERLIN
    with pytest.raises(ValueError, match="time zone database"):
        checked_zone(name)


def test_a_time_that_does_not_exist_happens_once_when_the_clocks_have_moved() -> None:
    """On 2026-03-29, 01:00 UTC is 03:00 in Berlin: there is no 02:30."""
    assert coming("30 2 * * *", BERLIN, at("2026-03-28T12:00"), 2) == [
        at("2026-03-29T01:00"),
        at("2026-03-30T00:30"),
    ]
    for now in ("2026-03-29T01:00", "2026-03-29T01:29", "2026-03-29T23:00"):
        assert newest_tick("30 2 * * *", BERLIN, at(now)) == at("2026-03-29T01:00")
    assert newest_tick("30 2 * * *", BERLIN, at("2026-03-29T00:59")) == at("2026-03-28T01:30")


def test_a_time_that_exists_twice_happens_the_first_time() -> None:
    """On 2026-10-25, 00:30 and 01:30 UTC are both 02:30 in Berlin."""
    assert coming("30 2 * * *", BERLIN, at("2026-10-24T12:00"), 2) == [
        at("2026-10-25T00:30"),
        at("2026-10-26T01:30"),
    ]
    for now in ("00:30", "00:59", "01:00", "01:10", "01:30", "01:31", "02:30", "23:00"):
        assert newest_tick("30 2 * * *", BERLIN, at(f"2026-10-25T{now}")) == at("2026-10-25T00:30")
    assert coming("30 2 * * *", BERLIN, at("2026-10-25T01:10"), 1) == [at("2026-10-26T01:30")]


def test_an_interval_goes_on_through_both_hours() -> None:
    ticks = coming("*/30 * * * *", BERLIN, at("2026-10-25T00:00"), 4)
    assert ticks == [at(f"2026-10-25T{time}") for time in ("00:30", "01:00", "01:30", "02:00")]


@given(
    line=st.sampled_from(LINES),
    zone=st.sampled_from((BERLIN, "UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")),
    seconds=st.integers(0, 8 * 365 * 86400),
)
def test_the_newest_is_the_last_that_came(line: str, zone: str, seconds: int) -> None:
    now = at("2024-01-01T00:00") + timedelta(seconds=seconds)
    newest = newest_tick(line, zone, now)
    assert newest <= now
    (following,) = coming(line, zone, newest, 1)
    assert following > now
    assert coming(line, zone, newest - timedelta(seconds=1), 1) == [newest]
