"""Durations beyond how they are written: those that may not be none, and the ledger's unit."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from adapters.counting import counted
from adapters.durations import Duration


def _not_none(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError('must be longer than "0s"')
    return duration


SomeDuration = Annotated[Duration, AfterValidator(_not_none)]


def milliseconds(duration: timedelta) -> int:
    """The duration in whole milliseconds, the ledger's unit."""
    return round(duration.total_seconds() * 1000)


def in_words(duration: timedelta) -> str:
    """`7 days`, `36 hours`, `90 minutes`, `45 seconds`: in the largest unit that fits."""
    seconds = round(duration.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1)):
        if seconds >= size and seconds % size == 0:
            return counted(seconds // size, unit)
    return "0 seconds"
