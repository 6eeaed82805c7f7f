"""Standard Webhooks: `signature` proves an event, `data` reads what it asks for."""

from datetime import datetime
from typing import ClassVar

from adapters.clients import rejected, speaks_of_a_client
from adapters.contract import HoldsSecrets, Sender, SourceConfig
from adapters.fields import (
    Identity,
    Unreadable,
    folded,
    instant,
    json_object,
    quoted,
    signed_time,
    stamped,
)
from adapters.headers import Headers
from adapters.models import Ignored, Verdict
from adapters.rehearsal import compact, timestamp
from adapters.standard.config import StandardConfig
from adapters.standard.data import active, inactive, is_about_a_client, known, named_in
from adapters.standard.signature import message_id, require_signature, signed_headers


class Standard(HoldsSecrets):
    """Events `{"type": "client.inactive" | "client.active", "timestamp", "data"}`."""

    vendor: ClassVar[str] = "standard"
    config: ClassVar[type[SourceConfig]] = StandardConfig
    # The specification's advice to senders: 15 to 30 s, then again after these delays.
    sender: ClassVar[Sender] = Sender(
        retry_status=503,
        timeout_seconds=15,
        retry_after_seconds=(5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400),
    )

    def verify(
        self, config: StandardConfig, headers: Headers, body: bytes, key: str | None, now: datetime
    ) -> None:
        """Prove id, time and bytes with one of the secrets. Raises SignatureInvalid."""
        del key
        require_signature(headers, body, config.secrets, now)

    def read(
        self, config: StandardConfig, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        """What the event means: one verdict, or a second one for what cannot be read."""
        identity = Identity.of(message_id(headers), body, now)
        try:
            verdicts: tuple[Verdict, ...] = _judged(config, identity, body)
        except Unreadable as error:
            verdicts = (rejected(error, identity, _known(body)),)
        return stamped(verdicts, body)

    def sign(
        self, config: StandardConfig, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        """The headers of this event, signed with every secret."""
        del key
        return {
            "content-type": "application/json",
            **signed_headers(body, config.secrets, event_id, now),
        }

    def rehearse(self, config: StandardConfig, body: bytes, event_id: str, now: datetime) -> bytes:
        """A recorded event as it would be sent now; its id is in the headers. Raises ValueError."""
        del config, event_id
        return compact(json_object(body) | {"timestamp": timestamp(now)})


def _known(body: bytes) -> tuple[str, ...]:
    """Which client it may be about, where it cannot be read whole."""
    try:
        return named_in(json_object(body))
    except Unreadable:
        return ()


def _judged(config: StandardConfig, identity: Identity, body: bytes) -> tuple[Verdict, ...]:
    event = json_object(body)
    # That of the event: `webhook-timestamp` is that of the attempt, later with every retry.
    sent = event.get("timestamp")
    match event.get("type"):
        case "client.inactive":
            return inactive(config, event.get("data"), identity, signed_time(sent))
        case "client.active":
            data = event.get("data")
            # They may stand beside the type.
            said = event if data is None and known(event) else data
            return active(said, identity, signed_time(sent))
        case str() as kind if is_about_a_client(kind, {**event, "type": None}):
            raise Unreadable("type_unknown", quoted(kind))
        case str():
            occurred_at = instant(sent)
            return (Ignored(event_id=identity.event, occurred_at=occurred_at, reason="other_type"),)
        case _:
            # What has no data either, and no word for a client, is about none.
            ours = {"type", "data"} & {folded(name) for name in event}
            raise Unreadable("type_missing", holds=bool(ours) or speaks_of_a_client(event))
