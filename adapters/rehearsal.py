"""Recorded bodies made new, so that a person can see a source move before its vendor does."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from adapters.fields import Unreadable, as_object, json_value

Change = Callable[[dict[str, Any], str], dict[str, Any]]


def renewed(body: bytes, event_id: str, change: Change) -> bytes:
    """The body with each of its events changed; `change` gets an event and its new id.

    Raises Unreadable: it is neither an object nor an array of objects.
    """
    # What was read is kept for the next reader, and here it is changed.
    value = json.loads(compact(json_value(body)))
    if not isinstance(value, list):
        return compact(change(as_object(value, "not_object"), event_id))
    if not value:
        raise Unreadable("batch_empty")
    return compact(
        [
            change(as_object(event, "not_object"), f"{event_id}.{number}")
            for number, event in enumerate(value)
        ]
    )


def compact(value: object) -> bytes:
    """The value as JSON without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


def timestamp(now: datetime) -> str:
    """The moment as vendors write it: RFC 3339 in UTC."""
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")
