"""What an activity means.

Codes: NinjaOne Public API 2.0.9 (`statusCode`; there is no code ORGANIZATION_*). Where a CLIENT_*
activity keeps the organization's id and name is documented nowhere, so every place that any
source names is tried, and places that disagree are an error.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.batch import Identify
from adapters.clients import is_of_a_client, known_as, reactivated, rejected, stated
from adapters.fields import (
    Identity,
    Unreadable,
    as_object,
    epoch_instant,
    folded,
    instant,
    org_name,
    positive_id,
    printable,
    quoted,
    readable_name,
    signed_time,
)
from adapters.models import DeletionRequest, Ignored, Request, Verdict
from adapters.ninjaone.config import NinjaOneConfig
from adapters.pointer import at

_IDS = (
    "/organizationId",
    "/organization/id",
    "/data/organizationId",
    "/data/organization/id",
    "/data/clientId",
)
_NAMES = (
    "/organizationName",
    "/organization/name",
    "/data/organizationName",
    "/data/organization/name",
    "/data/clientName",
)
_ORGANIZATION_CODES = {"CLIENT_CREATED", "CLIENT_UPDATED", "CLIENT_DELETED"}
# What a client has, and what says nothing of the client itself.
_OF_A_CLIENT = ("client_document", "client_checklist")
_TEXTS = ("/subject", "/message")
_TAMPERED = "somebody changed NinjaOne's webhook configuration; check that it was one of you"


def judge(config: NinjaOneConfig, sent: Any, identify: Identify) -> tuple[Verdict, ...]:  # noqa: ANN401 - any JSON
    """The verdicts on one activity. Raises Unreadable: it does not say what is needed."""
    activity = as_object(sent, "not_object")
    identity = identify(printable(activity.get("id", activity.get("activityId")), 100))
    event, code = identity.event, activity.get("statusCode")
    if not isinstance(code, str):
        raise Unreadable("status_code_missing")
    sent = activity.get("activityTime")
    occurred_at = instant(sent) or epoch_instant(sent)
    if code == "API_WEBHOOK_CONFIGURATION_UPDATED":
        return (
            Ignored(
                event_id=event, occurred_at=occurred_at, reason="webhook_changed", alert=_TAMPERED
            ),
        )
    if code not in _ORGANIZATION_CODES:
        named = is_of_a_client(code) or folded(code).startswith("org_")
        if named and not folded(code).startswith(_OF_A_CLIENT):
            raise Unreadable("status_code_unknown", quoted(code))
        return (Ignored(event_id=event, occurred_at=occurred_at, reason="other_event"),)
    if (
        code == "CLIENT_UPDATED"
        and config.inactive_when is None
        and not _names_one(config, activity)
    ):
        # Whose it names is there, and so active; a name may be a restored one's.
        return (Ignored(event_id=event, occurred_at=occurred_at, reason="no_convention"),)
    occurred_at = _time(sent)
    organization = _organization_id(config, activity)
    if not _inactive(config, code, activity):
        return _active(config, activity, identity, occurred_at, organization)
    name = _name(config, activity)
    if name is None:
        raise Unreadable("name_missing", "in no known place; see pointers and name_template")
    client, *also = known_as(id=organization, name=name)
    what = "was deleted" if code == "CLIENT_DELETED" else "is inactive"
    return (
        Request(
            event_id=event,
            occurred_at=occurred_at,
            client=client,
            also=tuple(also),
            actor=printable(activity.get("userId"), 40),
            request=DeletionRequest(
                org_name=name,
                confirm_delete=config.confirm_delete,
                reason=f"NinjaOne organization {organization or 'without id'} {what}",
            ),
        ),
    )


def _active(
    config: NinjaOneConfig,
    activity: Mapping[str, Any],
    identity: Identity,
    occurred_at: datetime | None,
    organization: str | None,
) -> tuple[Verdict, ...]:
    """The client is active, under its id and every name that can be read.

    One that was restored has another id, so that without a name it may be any of them.
    """
    called = _names(config, activity, readable_name)
    names = [form for name in called for form in known_as(name=name)]
    clients = (*known_as(id=organization, name=None), *names)
    name = called[0] if len(called) == 1 else None
    back = reactivated(clients, identity, occurred_at, name)
    if called or activity["statusCode"] != "CLIENT_CREATED":
        return back
    beside = replace(identity, event=f"{identity.event}#nameless")
    return (*back, rejected(Unreadable("name_missing"), beside))


@dataclass(frozen=True, slots=True)
class Deleted:
    """An activity that says that an organization was deleted, as far as it says which."""

    activity: int
    at: datetime
    organization: str | None
    name: str | None


def deletion_in(config: NinjaOneConfig, activity: Mapping[str, Any]) -> Deleted | None:
    """The deletion that an activity of NinjaOne's own log tells, if any. Raises Unreadable."""
    if activity.get("statusCode") != "CLIENT_DELETED":
        return None
    at = _time(activity.get("activityTime"))
    if at is None:
        raise Unreadable("time_missing")
    number, name = _organization_id(config, activity), _name(config, activity)
    if number is None and name is None:
        raise Unreadable("client_missing", "in no known place; see pointers and name_template")
    return Deleted(int(positive_id(activity.get("id"), "id")), at, number, name)


def known(config: NinjaOneConfig, sent: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """Which organizations it may be about, where it cannot be read whole."""
    if not isinstance(sent, dict):
        return ()
    ids = stated(_places(config.pointers.organization_id, _IDS, sent), _number)
    names = stated(_places(config.pointers.organization_name, _NAMES, sent), readable_name)
    if ids is None or names is None:
        return ()
    called = _names(config, sent, readable_name)
    return (*(f"id:{each}" for each in ids), *(form for n in called for form in known_as(name=n)))


def _names_one(config: NinjaOneConfig, activity: Mapping[str, Any]) -> bool:
    """Whether anything stands where an organization is named."""
    ids = _places(config.pointers.organization_id, _IDS, activity)
    names = _places(config.pointers.organization_name, _NAMES, activity)
    said = any(value is not None and value != "" for value in (*ids, *names))
    return said or bool(_names(config, activity, readable_name))


def _places(pointer: str | None, known_places: tuple[str, ...], activity: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    return [at(activity, place) for place in ((pointer,) if pointer is not None else known_places)]


def _number(value: Any) -> str:  # noqa: ANN401 - a vendor's value
    return positive_id(value, "organization_id")


def _time(sent: object) -> datetime | None:
    """Epoch seconds by the vendor's schema; ISO 8601 is seen in a third party's tests."""
    return signed_time(sent, instant, epoch_instant)


def _inactive(config: NinjaOneConfig, code: str, activity: Mapping[str, Any]) -> bool:
    # Without a convention whatever is there is active, by the name that it has now.
    if code != "CLIENT_UPDATED" or config.inactive_when is None:
        return code == "CLIENT_DELETED"
    value = at(activity, config.inactive_when.pointer)
    if value is None:
        raise Unreadable("status_missing")
    if not isinstance(value, bool | int | str):
        raise Unreadable("status_malformed", quoted(value))
    return folded(str(value)) in {folded(str(word)) for word in config.inactive_when.equals}


def _organization_id(config: NinjaOneConfig, activity: Mapping[str, Any]) -> str | None:
    found = _places(config.pointers.organization_id, _IDS, activity)
    ids = {_number(value) for value in found if value is not None}
    return _agreed(ids, "organization_id")


def _name(config: NinjaOneConfig, activity: Mapping[str, Any]) -> str | None:
    return _agreed(_names(config, activity, org_name), "name")


def _names(
    config: NinjaOneConfig, activity: Mapping[str, Any], read: Callable[[Any], str | None]
) -> list[str]:
    found = _places(config.pointers.organization_name, _NAMES, activity)
    if config.name_template is not None:
        found += [_named_in(at(activity, place), config.name_template) for place in _TEXTS]
    names = [read(value) for value in found]
    return list(dict.fromkeys(name for name in names if name is not None))


def _named_in(text: object, template: str) -> str | None:
    before, after = template.split("{name}")
    if not isinstance(text, str) or len(text) <= len(before) + len(after):
        return None
    if not text.startswith(before) or not text.endswith(after):
        return None
    return text[len(before) : len(text) - len(after)]


def _agreed(values: Collection[str], field: str) -> str | None:
    if len(values) > 1:
        raise Unreadable(f"{field}_ambiguous", quoted(" / ".join(sorted(values))))
    return next(iter(values), None)


def rehearsed(now: datetime, activity: dict[str, Any], event_id: str) -> dict[str, Any]:
    """The activity as NinjaOne would send it now."""
    return activity | {"id": event_id, "activityTime": now.timestamp()}
