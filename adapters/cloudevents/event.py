"""What a CloudEvent means, in each of its three HTTP forms.

Structured and batched events are whole in the signed body. In binary mode only `data` is; the
`ce-` headers are not signed, so an event that says "inactive" there never confirms a deletion,
and its time orders nothing. Which form it is, the body alone decides.

Source: cloudevents/spec @c2845a49 `cloudevents/spec.md`, `bindings/http-protocol-binding.md`.
"""

import base64
import hashlib
import json
import re
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from adapters.batch import Identify, judge_each
from adapters.clients import rejected
from adapters.cloudevents.config import CloudEventsConfig
from adapters.fields import Identity, Unreadable, as_object, instant, quoted, signed_time, stamped
from adapters.headers import Headers
from adapters.likeness import likeness
from adapters.models import Ignored, Verdict
from adapters.rehearsal import timestamp
from adapters.standard.data import active, inactive, is_about_a_client, named, named_in
from adapters.standard.signature import message_id

_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*:(?=//)")


def judge(
    config: CloudEventsConfig, headers: Headers, body: bytes, now: datetime
) -> tuple[Verdict, ...]:
    """The verdicts on the events of one delivery: at least one."""
    return judge_each(body, now, partial(_judged, config, headers), partial(_known, headers))


def _known(headers: Headers, sent: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """Which client it may be about, where it cannot be read whole."""
    if not isinstance(sent, dict):
        return ()
    binary = "specversion" not in sent and headers.only("ce-specversion") is not None
    return named(sent) if binary else named_in(sent) or named(_decoded(sent.get("data_base64")))


def _judged(
    config: CloudEventsConfig,
    headers: Headers,
    sent: Any,  # noqa: ANN401 - any JSON
    identify: Identify,
) -> tuple[Verdict, ...]:
    event = as_object(sent, "not_object")
    # The fields of a deletion request have no "specversion".
    if "specversion" not in event and headers.only("ce-specversion") is not None:
        attributes = {
            name: _attribute(config, headers, name)
            for name in ("specversion", "id", "source", "type")
        }
        _require_attributes(config, attributes)
        identity = identify(message_id(headers))
        kind = attributes["type"]
        verdicts: tuple[Verdict, ...]
        try:
            verdicts = _meant(config, kind, event, identity, None, signed=False)
        except Unreadable as error:
            verdicts = (rejected(error, identity, named(event)),)
        # The type stands beside the body, and the same data may mean the opposite.
        return stamped(verdicts, json.dumps([kind, event], sort_keys=True).encode())
    _require_attributes(config, event)
    # "source + id is unique": the same pair is the same event, whatever else differs.
    pair = json.dumps([event["source"], event["id"]]).encode()
    identity = identify("sha256:" + hashlib.sha256(pair).hexdigest())
    sent, kind = event.get("time"), event["type"]
    if "data_base64" in event and is_about_a_client(
        kind, _decoded(event["data_base64"]), (*config.active_types, *config.inactive_types)
    ):
        raise Unreadable("data_not_json")
    return _meant(config, kind, event.get("data"), identity, sent, signed=True)


def _decoded(sent: Any) -> str:  # noqa: ANN401 - any JSON
    """What a person would see in data that is not JSON, as far as there is something."""
    try:
        return base64.b64decode(sent).decode(errors="replace")
    except (TypeError, ValueError):
        return ""


def _attribute(config: CloudEventsConfig, headers: Headers, name: str) -> str | None:
    """An attribute of a binary event: what a header cannot carry is percent-encoded in it."""
    sent = headers.only(f"ce-{name}")
    as_it_is = sent in (config.event_source, *config.active_types, *config.inactive_types)
    return sent if sent is None or as_it_is else unquote(sent)


def _require_attributes(config: CloudEventsConfig, attributes: dict[str, Any]) -> None:
    """Check the required attributes.

    Raises Unreadable: `specversion_unknown`, `attribute_missing` or `foreign_source`.
    """
    if attributes.get("specversion") != "1.0":
        raise Unreadable("specversion_unknown", quoted(attributes.get("specversion")))
    for name in ("id", "source", "type"):
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise Unreadable("attribute_missing", name)
    sent, ours = attributes["source"], config.event_source
    if ours is not None and sent != ours:
        # Our secret signed it, so one that is only spelt otherwise may be ours.
        raise Unreadable("foreign_source", quoted(sent), holds=_spelt(sent) == _spelt(ours))


def _spelt(source: str) -> str:
    """An event's source without what its sender may write in several ways."""
    return _SCHEME.sub("", likeness(unquote(source))).strip("/ ")


def _meant(
    config: CloudEventsConfig,
    kind: Any,  # noqa: ANN401 - any JSON
    data: Any,  # noqa: ANN401 - any JSON
    identity: Identity,
    time: Any,  # noqa: ANN401 - any JSON
    *,
    signed: bool,
) -> tuple[Verdict, ...]:
    if kind in config.active_types:
        return active(data, identity, signed_time(time))
    if kind in config.inactive_types:
        return inactive(config, data, identity, signed_time(time), may_confirm=signed)
    if is_about_a_client(kind, data, (*config.active_types, *config.inactive_types)):
        raise Unreadable("type_unknown", quoted(kind))
    return (Ignored(event_id=identity.event, occurred_at=instant(time), reason="other_type"),)


def rehearsed(
    config: CloudEventsConfig, now: datetime, event: dict[str, Any], event_id: str
) -> dict[str, Any]:
    """The event as the configured sender would send it now.

    Raises Unreadable: `not_structured`; what a binary event says stands in its headers.
    """
    if "specversion" not in event:
        raise Unreadable("not_structured")
    bound = {} if config.event_source is None else {"source": config.event_source}
    return event | bound | {"id": event_id, "time": timestamp(now)}
