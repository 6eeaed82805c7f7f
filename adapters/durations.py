"""Durations as people write them: "90s", "10m", "6h", "7d"."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


def parse_duration(value: object) -> object:
    """The duration of a text like "7d"; without a unit a safety window might be shortened."""
    if not isinstance(value, str):
        if isinstance(value, timedelta):
            return value
        raise ValueError('must be a text with a unit, like "30s", "10m", "6h" or "7d"')
    match = _FORM.fullmatch(value.strip())
    if match is None:
        raise ValueError('must be a number with a unit, like "30s", "10m", "6h" or "7d"')
    try:
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        raise ValueError("is too long") from None


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
