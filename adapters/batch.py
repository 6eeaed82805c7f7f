"""One delivery, several events: each is judged for itself."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from adapters.clients import rejected
from adapters.fields import Identity, Unreadable, json_value, stamped
from adapters.models import Verdict

# More than any sender is known to batch, and few enough to be recorded in one step.
_MAX_EVENTS = 200

# Makes an event's identity of the id that its vendor gave it, if any.
Identify = Callable[[Any], Identity]
Judge = Callable[[Any, Identify], tuple[Verdict, ...]]
Known = Callable[[Any], tuple[str, ...]]


def judge_each(body: bytes, now: datetime, judge: Judge, known: Known) -> tuple[Verdict, ...]:
    """The verdicts on a body that is one event or an array of events: at least one.

    An event is recognized by its content, whatever batch it comes in. `judge` may raise
    `Unreadable`; `known` then tells which client it is about, as far as that can be read.
    """
    try:
        events = _events(body)
    except Unreadable as error:
        return stamped([rejected(error, Identity.of(None, body, now))], body)
    return tuple(
        verdict
        for position, event in enumerate(events)
        for verdict in stamped(
            _judged(
                event,
                partial(Identity.of, content=_canonical(event), now=now, position=position),
                judge,
                known,
            ),
            _canonical(event),
        )
    )


def _events(body: bytes) -> list[Any]:
    value = json_value(body)
    events = value if isinstance(value, list) else [value]
    if not events:
        raise Unreadable("batch_empty")
    if len(events) > _MAX_EVENTS:
        raise Unreadable("batch_too_large", f"{len(events)} events")
    return events


def _canonical(event: object) -> bytes:
    return json.dumps(event, sort_keys=True, separators=(",", ":")).encode()


def _judged(
    event: Any,  # noqa: ANN401 - any JSON
    identify: Identify,
    judge: Judge,
    known: Known,
) -> tuple[Verdict, ...]:
    try:
        return judge(event, identify)
    except Unreadable as error:
        return (rejected(error, identify(None), known(event)),)
