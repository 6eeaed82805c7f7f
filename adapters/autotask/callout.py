"""What a callout means.

Keys as published by NangoHQ/nango (`docs/api-integrations/autotask/webhooks.mdx`); the vendor's
help describes them without a sample. No capture of a company callout is public, so everything of
which two sources differ is accepted in both forms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.autotask.config import AutotaskConfig
from adapters.clients import is_a_client, known_as, merged, readable, rejected
from adapters.fields import (
    Identity,
    Unreadable,
    boolean,
    folded,
    instant,
    json_object,
    org_name,
    positive_id,
    printable,
    quoted,
    readable_name,
    signed_time,
)
from adapters.models import DeletionRequest, Ignored, PsaLink, Reactivated, Request, Verdict
from adapters.rehearsal import timestamp

# "Account" is the name in the SOAP API, which the payload inherits elsewhere.
_COMPANIES = {"account", "company", "companies"}
_ACTIONS = {"create", "update", "delete"}
_WHY = {True: "was deleted", False: "is inactive"}
_DEACTIVATED = (
    "Autotask switched this webhook off, or says so: until it is switched on again no event "
    "arrives; check it and its owner in Autotask"
)


@dataclass(frozen=True, slots=True)
class _Callout:
    """One callout, with what every verdict on it carries."""

    fields: Mapping[str, Any]
    identity: Identity
    occurred_at: datetime | None = None
    sequence: tuple[str, int] | None = None

    @property
    def stamp(self) -> dict[str, Any]:
        """When it happened, and which one of the webhook's callouts it is."""
        return {"occurred_at": self.occurred_at, "sequence": self.sequence}


def judge(config: AutotaskConfig, body: bytes, now: datetime) -> Verdict:
    """The meaning of one verified callout; no batches have been seen."""
    callout, fields = _Callout({}, Identity.of(None, body, now)), dict[str, Any]()
    try:
        fields = json_object(body)
        callout = _opened(config, fields, body, now)
        return _judged(config, callout)
    except Unreadable as error:
        told = rejected(error, callout.identity, _known(config, fields))
        return replace(told, **callout.stamp)


def _known(config: AutotaskConfig, fields: Mapping[str, Any]) -> list[str]:
    """Which company it may be about, where it cannot be read whole."""
    kind = _word(fields.get("EntityType"))
    if kind is not None and kind not in _COMPANIES and not is_a_client(kind):
        return []
    numbers = readable(lambda: positive_id(fields.get("Id"), "id"))
    if not numbers:
        # By its name alone one that was renamed would not be known.
        return []
    names = readable(
        lambda: readable_name(_field(_fields(fields.get("Fields")), config.name_field))
    )
    return [*numbers, *(form for name in names for form in known_as(name=name))]


def _opened(
    config: AutotaskConfig, fields: Mapping[str, Any], body: bytes, now: datetime
) -> _Callout:
    guid = fields.get("Guid")
    if not isinstance(guid, str) or folded(guid).strip("{}") != config.webhook_guid:
        # Our secret signed it, so another one may be this webhook made anew; not one of tickets.
        kind = _word(fields.get("EntityType"))
        other = kind is not None and kind not in _COMPANIES and not is_a_client(kind)
        raise Unreadable("foreign_webhook", quoted(guid), holds=not (other and _is_guid(guid)))
    # What is about no company keeps its number, its alert and its place though its time is odd.
    number, occurred_at = fields.get("SequenceNumber"), instant(fields.get("EventTime"))
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**53:
        return _Callout(fields, Identity.of(None, body, now), occurred_at)
    return _Callout(
        fields,
        Identity.of(f"{config.webhook_guid}:{number}", body, now),
        occurred_at,
        (config.webhook_guid, number),
    )


def _is_guid(value: object) -> bool:
    """Whether another webhook is plainly meant."""
    try:
        UUID(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _judged(config: AutotaskConfig, callout: _Callout) -> Verdict:
    event = callout.identity.event
    action, kind = _word(callout.fields.get("Action")), _word(callout.fields.get("EntityType"))
    if action == "deactivated":
        # Each one is news, for the webhook was on in between.
        return Ignored(
            event_id=callout.identity.reactivation,
            reason="webhook_deactivated",
            alert=_DEACTIVATED,
            **callout.stamp,
        )
    if kind is None:
        raise Unreadable("entity_type_missing")
    if kind not in _COMPANIES:
        if is_a_client(kind):
            raise Unreadable("entity_type_unknown", quoted(callout.fields.get("EntityType")))
        return Ignored(event_id=event, reason="other_entity", **callout.stamp)
    if action not in _ACTIONS:
        raise Unreadable("action_unknown", quoted(callout.fields.get("Action")))
    # Company 0 is the Autotask customer itself.
    if str(callout.fields.get("Id")) == "0":
        return Ignored(event_id=event, reason="own_company", **callout.stamp)
    signed_time(callout.fields.get("EventTime"))
    client = positive_id(callout.fields.get("Id"), "id")
    fields = _fields(callout.fields.get("Fields"))
    called = _field(fields, config.name_field)
    if action != "delete" and _active(config, fields):
        name = readable_name(called)
        return Reactivated(
            event_id=callout.identity.reactivation,
            client=client,
            also=known_as(name=name),
            name=name,
            **callout.stamp,
        )
    name, why = org_name(called), _WHY[action == "delete"]
    into_another = merged(fields)
    return Request(
        event_id=event,
        client=client,
        also=known_as(name=name),
        # The resource that made the change; both spellings of the key are seen.
        actor=printable(callout.fields.get("PersonID", callout.fields.get("PersonId")), 40),
        request=DeletionRequest(
            psa=PsaLink(
                integration_type="autotask",
                company_id=client,
                deleted=True if action == "delete" else None,
            ),
            org_name=name,
            confirm_delete=config.confirm_delete and not into_another,
            reason=f"Autotask company {client} {why}{into_another}",
        ),
        **callout.stamp,
    )


def _word(value: object) -> str | None:
    return folded(value) if isinstance(value, str) and value.strip() else None


def _active(config: AutotaskConfig, fields: Sequence[tuple[str, Any]]) -> bool:
    return boolean(_field(fields, config.active_field), "is_active")


def _fields(sent: object) -> tuple[tuple[str, Any], ...]:
    """The changed and the always shown fields: an object, or a list of `{name, value}`."""
    match sent:
        case None:
            return ()
        case dict():
            return tuple((folded(name), value) for name, value in sent.items())
        case list():
            return tuple(_named(item) for item in sent)
        case _:
            raise Unreadable("fields_malformed", quoted(sent))


def _named(item: object) -> tuple[str, Any]:
    if isinstance(item, dict):
        parts = {folded(key): value for key, value in item.items()}
        if isinstance(parts.get("name"), str) and "value" in parts:
            return folded(parts["name"]), parts["value"]
    raise Unreadable("fields_malformed", quoted(item))


def _field(fields: Sequence[tuple[str, Any]], wanted: str) -> Any:  # noqa: ANN401 - a vendor's value
    """The field of this name in any case; `None` if it was not sent."""
    found = [value for name, value in fields if name == folded(wanted)]
    if len(found) > 1:
        raise Unreadable("field_ambiguous", wanted)
    return found[0] if found else None


def rehearsed(
    config: AutotaskConfig, now: datetime, callout: dict[str, Any], event_id: str
) -> dict[str, Any]:
    """The callout as it would be sent now, without a number: that would look like a gap."""
    renewed = {name: value for name, value in callout.items() if name != "SequenceNumber"}
    return renewed | {
        "Guid": config.webhook_guid,
        "EventTime": timestamp(now),
        "RehearsalId": event_id,
    }
