"""What an event means.

HaloPSA's own bodies of client events are published nowhere, but the body of a webhook can be
written by its owner: the README has one that says what is needed. Arrays come from its batching
option (NangoHQ/nango commit f049ad34).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.batch import Identify
from adapters.clients import is_of_a_client, known_as, merged, reactivated, rejected, stated
from adapters.fields import (
    Unreadable,
    as_object,
    boolean,
    epoch_instant,
    instant,
    org_name,
    positive_id,
    printable,
    quoted,
    readable_name,
    signed_time,
)
from adapters.halopsa.config import HaloPSAConfig
from adapters.models import DeletionRequest, Ignored, Request, Verdict
from adapters.pointer import at, put
from adapters.rehearsal import timestamp

# The objects of the standard bodies that are about something else.
_OTHERS = ("ticket", "action", "appointment", "invoice", "quotation", "asset", "user")


def judge(config: HaloPSAConfig, sent: Any, identify: Identify) -> tuple[Verdict, ...]:  # noqa: ANN401 - any JSON
    """The verdicts on one event. Raises Unreadable: it does not say what is needed."""
    event, places = as_object(sent, "not_object"), config.pointers
    named = None if places.event_id is None else at(event, places.event_id)
    identity = identify(printable(named, 200))
    number, called = at(event, places.client_id) or None, at(event, places.client_name) or None
    if number is None and called is None:
        others = any(isinstance(event.get(key), dict | list) for key in _OTHERS)
        if others and not _of_a_client(config, event):
            return (Ignored(event_id=identity.event, reason="other_entity"),)
        raise Unreadable("client_missing")
    occurred_at = _time(at(event, places.occurred_at))
    client = None if number is None else positive_id(number, "client_id")
    if not boolean(at(event, places.inactive), "inactive"):
        readable_as = readable_name(called)
        clients = known_as(id=client, name=readable_as)
        back = reactivated(clients, identity, occurred_at, readable_as)
        if called is None or readable_as is not None:
            return back
        # It may be one that has another id by now, and is found by its name.
        beside = replace(identity, event=f"{identity.event}#nameless")
        return (*back, rejected(Unreadable("name_malformed", quoted(called)), beside))
    name = org_name(called)
    if name is None:
        raise Unreadable("name_missing")
    primary, *also = known_as(id=client, name=name)
    into_another = merged(event.items())
    why = f"is inactive{into_another}"
    return (
        Request(
            event_id=identity.event,
            occurred_at=occurred_at,
            client=primary,
            also=tuple(also),
            request=DeletionRequest(
                org_name=name,
                confirm_delete=config.confirm_delete and not into_another,
                reason=f"HaloPSA client {client or 'without id'} {why}",
            ),
        ),
    )


def _of_a_client(config: HaloPSAConfig, event: dict[str, Any]) -> bool:
    """Whether it may be about a client all the same, and the pointers are wrong."""
    flag = config.pointers.inactive.rpartition("/")[2]
    moved = any(_has(flag, value) for key, value in event.items() if key not in _OTHERS)
    texts = [each for each in event.values() if isinstance(each, str)]
    return flag in event or moved or any(map(is_of_a_client, (*event, *texts)))


def _has(key: str, value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether any object within it has such a key."""
    match value:
        case dict():
            return key in value or any(_has(key, each) for each in value.values())
        case list():
            return any(_has(key, each) for each in value)
        case _:
            return False


def _time(sent: object) -> datetime | None:
    return signed_time(sent, instant, epoch_instant)


def known(config: HaloPSAConfig, sent: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """Which client it may be about, where it cannot be read whole."""
    if not isinstance(sent, dict):
        return ()
    number, called = at(sent, config.pointers.client_id), at(sent, config.pointers.client_name)
    ids = stated([number or None], lambda value: positive_id(value, "client_id"))
    names = stated([called or None], readable_name)
    if ids is None or names is None:
        return ()
    return (*(f"id:{each}" for each in ids), *(form for n in names for form in known_as(name=n)))


def rehearsed(
    config: HaloPSAConfig, now: datetime, event: dict[str, Any], event_id: str
) -> dict[str, Any]:
    """The event as the configured webhook would send it now."""
    put(event, config.pointers.occurred_at, timestamp(now))
    if config.pointers.event_id is not None:
        put(event, config.pointers.event_id, event_id)
    return event | {"rehearsal_id": event_id}
