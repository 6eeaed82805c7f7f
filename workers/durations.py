"""Durations beyond how they are written: those that may not be none, and the ledger's unit."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from adapters.durations import Duration

__all__ = ["Duration", "SomeDuration", "milliseconds"]


def _not_none(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError('must be longer than "0s"')
    return duration


SomeDuration = Annotated[Duration, AfterValidator(_not_none)]


def milliseconds(duration: timedelta) -> int:
    """The duration in whole milliseconds, the ledger's unit."""
    return round(duration.total_seconds() * 1000)
