"""What a company callback means.

Envelope as captured in amp-labs/connectors `providers/connectwise/internal/webhook/test`, entity
as in the PSA OpenAPI (`Company`). Nothing of the URL is read: ConnectWise appends the record id
and the action to it, outside the signature.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from adapters.clients import is_a_client, known_as, merged, readable, rejected
from adapters.connectwise.config import ConnectWiseConfig
from adapters.fields import (
    Identity,
    Unreadable,
    as_object,
    folded,
    json_object,
    org_name,
    positive_id,
    printable,
    quoted,
    readable_name,
    signed_time,
)
from adapters.models import DeletionRequest, Ignored, PsaLink, Reactivated, Request, Verdict
from adapters.pointer import at
from adapters.rehearsal import compact, timestamp

_ACTIONS = {"added", "updated", "deleted"}
_CLOUD = ".myconnectwise.net"


def judge(config: ConnectWiseConfig, body: bytes, now: datetime) -> Verdict:
    """The meaning of one verified callback; ConnectWise sends one record a callback."""
    callback = dict[str, Any]()
    try:
        callback = json_object(body)
        return _judged(config, callback, Identity.of(callback.get("MessageId"), body, now))
    except Unreadable as error:
        identity = Identity.of(callback.get("MessageId"), body, now)
        return rejected(error, identity, _known(config, callback))


def _known(config: ConnectWiseConfig, callback: dict[str, Any]) -> list[str]:
    """Which companies it may be about, where it cannot be read whole."""
    try:
        document = {**callback, "Entity": _entity(callback.get("Entity"))}
    except Unreadable:
        document = {**callback, "Entity": None}
    places = (config.pointers.client_id, "/ID", "/Entity/id")
    numbers = readable(*(partial(positive_id, at(document, place), "id") for place in places))
    if not numbers:
        # By its name alone one that was renamed would not be known.
        return []
    name = readable_name(at(document, config.pointers.name))
    return [*numbers, *known_as(name=name)]


def _judged(config: ConnectWiseConfig, callback: dict[str, Any], identity: Identity) -> Verdict:
    kind = callback.get("Type")
    if not isinstance(kind, str):
        raise Unreadable("type_missing")
    if folded(kind) != "company":
        if is_a_client(kind):
            raise Unreadable("type_unknown", quoted(kind))
        return Ignored(event_id=identity.event, reason="other_entity")
    _require_tenant(config, callback)
    action = callback.get("Action")
    if not isinstance(action, str) or folded(action) not in _ACTIONS:
        raise Unreadable("action_unknown", quoted(action))
    entity = _entity(callback.get("Entity"))
    document = {**callback, "Entity": entity}
    client = _client(config, document)
    occurred_at = _changed_at(entity)
    why = _inactive(config, folded(action), document)
    called = at(document, config.pointers.name)
    if why is None:
        name = readable_name(called)
        return Reactivated(
            event_id=identity.reactivation,
            occurred_at=occurred_at,
            client=client,
            also=known_as(name=name),
            name=name,
        )
    actor = printable(callback.get("MemberId"), 100)
    # Only what could delete is suppressed: that a client is active counts, whoever says it.
    if actor is not None and folded(actor) in {folded(own) for own in config.own_member_ids}:
        return Ignored(event_id=identity.event, occurred_at=occurred_at, reason="own_write")
    name = org_name(called)
    if name is None and entity:
        # A link alone proves nothing; only what was deleted is sent without a record.
        raise Unreadable("name_missing")
    into_another = merged(entity.items())
    return Request(
        event_id=identity.event,
        occurred_at=occurred_at,
        client=client,
        also=known_as(name=name),
        actor=actor,
        request=DeletionRequest(
            psa=PsaLink(
                integration_type="manage", company_id=client, deleted=_gone(action, document)
            ),
            org_name=name,
            confirm_delete=config.confirm_delete and not into_another,
            reason=f"ConnectWise company {client} {why}{into_another}",
        ),
    )


def _gone(action: str, document: Mapping[str, Any]) -> Literal[True] | None:
    """Whether the company is said to be deleted, and not only to be in another status."""
    marked = at(document, "/Entity/deletedFlag") is True
    return True if folded(action) == "deleted" or marked else None


def _require_tenant(config: ConnectWiseConfig, callback: Mapping[str, Any]) -> None:
    """A valid signature proves only "some tenant of this host"; this proves which one.

    Raises Unreadable: `foreign_company`, `foreign_host` or `foreign_instance`.
    """
    company = callback.get("CompanyId")
    if company is None and callback.get("ProductInstanceId") is not None:
        # The address of the key that proved it names the company (NangoHQ/nango#6808).
        company = config.company
    if company is None:
        raise Unreadable("company_missing")
    if company != config.company:
        # The key has proved this tenant already, so only another name says that it is another one.
        other = isinstance(company, str) and folded(company) not in {"", folded(config.company)}
        raise Unreadable("foreign_company", quoted(company), holds=not other)
    # Older versions leave out what they do not know. The key's address has proved the host, so
    # another name is more likely one more of this host's than another tenant's.
    sender = callback.get("FromUrl")
    if sender is not None and _cloud_host(sender) != _cloud_host(config.host):
        raise Unreadable("foreign_host", quoted(sender))
    instance = callback.get("ProductInstanceId")
    if config.product_instance_id is not None and instance != config.product_instance_id:
        raise Unreadable("foreign_instance", quoted(instance))


def _cloud_host(sender: object) -> str | None:
    """The host of `FromUrl`; in the vendor's cloud `api-na…` and `na…` are one."""
    return _host_of(sender) if isinstance(sender, str) else None


@lru_cache(maxsize=64)
def _host_of(sender: str) -> str | None:
    try:
        host = urlsplit(sender if "://" in sender else f"//{sender}").hostname or ""
    except ValueError:
        return None
    return host.removeprefix("api-") if host.endswith(_CLOUD) else host


def _entity(value: object) -> dict[str, Any]:
    """The record: sent as text that holds JSON, as `null` when deleted, perhaps as an object."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        return json_object(value, "entity_")
    return as_object(value, "entity_not_object")


def _changed_at(entity: Mapping[str, Any]) -> datetime | None:
    """When the record was last saved, or deleted if that was later; a deletion sends neither."""
    deleted = entity.get("dateDeleted") if entity.get("deletedFlag") is True else None
    info = entity.get("_info")
    saved = at(entity, "/_info/lastUpdated") if isinstance(info, dict) else info
    moments = (signed_time(saved), signed_time(deleted))
    return max((moment for moment in moments if moment is not None), default=None)


def _client(config: ConnectWiseConfig, document: Mapping[str, Any]) -> str:
    client = positive_id(at(document, config.pointers.client_id), "id")
    for pointer in ("/ID", "/Entity/id"):
        stated = at(document, pointer)
        if stated is not None and positive_id(stated, "id") != client:
            raise Unreadable("id_mismatch", quoted(stated))
    return client


def _inactive(config: ConnectWiseConfig, action: str, document: Mapping[str, Any]) -> str | None:
    """Why the company is inactive, in words, or `None` if it is active."""
    if action == "deleted":
        return "was deleted"
    deleted = at(document, "/Entity/deletedFlag")
    if deleted is not None and not isinstance(deleted, bool):
        raise Unreadable("deleted_flag_malformed", quoted(deleted))
    if deleted:
        return "is marked as deleted"
    status_id, name = _status(at(document, config.pointers.status))
    if name is not None and folded(name) in config.inactive_names:
        return f"is {printable(name, 60)}"
    if status_id in config.inactive_ids:
        return f"has status {status_id} ({printable(name, 60) or 'no name'})"
    # "Active" must be known as well: a half-sent status is neither.
    if (name is None and config.inactive_names) or (status_id is None and config.inactive_ids):
        raise Unreadable("status_incomplete", f"id {status_id}, name {quoted(name)}")
    return None


def _status(status: object) -> tuple[str | None, str | None]:
    """The id and the name of a status reference, or of whichever of them a pointer names."""
    match status:
        case None:
            raise Unreadable("status_missing")
        case dict():
            status_id, name = status.get("id"), status.get("name")
        case str():
            digits = status.isascii() and status.isdigit()
            status_id, name = (status if digits else None), status
        case _:
            status_id, name = status, None
    if name is not None and not isinstance(name, str):
        raise Unreadable("status_malformed", quoted(name))
    found_id = None if status_id is None else positive_id(status_id, "status_id")
    return found_id, name or None


def rehearsed(
    config: ConnectWiseConfig, now: datetime, callback: dict[str, Any], event_id: str
) -> dict[str, Any]:
    """The callback as the configured tenant would send it now."""
    query = urlencode({"companyName": config.company, "id": event_id})
    renewed = callback | {
        "CompanyId": config.company,
        "FromUrl": config.host,
        "MessageId": event_id,
        "Metadata": {"key_url": f"{config.key_origin}/system/callbackkey/index.rails?{query}"},
    }
    if config.product_instance_id is not None:
        renewed["ProductInstanceId"] = config.product_instance_id
    entity = _entity(callback.get("Entity"))
    if entity:
        saved = {"lastUpdated": timestamp(now)}
        info = entity.get("_info")
        entity["_info"] = info | saved if isinstance(info, dict) else saved
        renewed["Entity"] = compact(entity).decode()
    return renewed
