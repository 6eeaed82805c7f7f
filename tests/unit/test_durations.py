"""Durations as people write them."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from adapters.durations import Duration
from workers.times.durations import SomeDuration, in_words, milliseconds

ANY = TypeAdapter[timedelta](Duration)
SOME = TypeAdapter[timedelta](SomeDuration)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("6h", timedelta(hours=6)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("0.2s", timedelta(milliseconds=200)),
        ("1.5h", timedelta(minutes=90)),
        (" 10 m ", timedelta(minutes=10)),
        (timedelta(seconds=3), timedelta(seconds=3)),
    ],
)
def test_a_duration(text: object, expected: timedelta) -> None:
    assert ANY.validate_python(text) == expected


@pytest.mark.parametrize(
    "value",
    [10, 1.5, True, None, "", "10", "10 minutes", "m", "-10m", "1h30m", "10M", "1e3s", "PT10M",
     "10m\n10m", "1_0s", ".5s", "9" * 400 + "d", "99999999999999d", ["10m"]],
)  # fmt: skip
def test_no_guess_is_made(value: object) -> None:
    with pytest.raises(ValidationError):
        ANY.validate_python(value)


def test_some_durations_must_last() -> None:
    assert SOME.validate_python("1s") == timedelta(seconds=1)
    with pytest.raises(ValidationError, match="must be longer"):
        SOME.validate_python("0s")


def test_milliseconds() -> None:
    assert milliseconds(timedelta(seconds=1.2345)) == 1234


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=7), "7 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=45.2), "45 seconds"),
        (timedelta(days=1, seconds=1), "86401 seconds"),
        (timedelta(), "0 seconds"),
    ],
)
def test_a_duration_in_words(length: timedelta, words: str) -> None:
    assert in_words(length) == words
