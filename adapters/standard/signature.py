"""Standard Webhooks 1.0: how a message is signed and proved.

    webhook-signature: v1,base64( HMAC-SHA256( key, "{webhook-id}.{webhook-timestamp}.{body}" ) )

Several signatures are separated by blanks, one a key, so that keys can be exchanged; the key is
what follows `whsec_`, decoded. Source: standard-webhooks/standard-webhooks @b2fa7b87
`spec/standard-webhooks.md`. The library is not used: of a malformed header it raises a bare
`ValueError`, and it takes one secret and one tolerance.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from adapters.errors import SignatureInvalid
from adapters.headers import Headers

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = timedelta(minutes=5)
_PREFIX = "whsec_"
_MESSAGE_ID = re.compile(r"[!-~]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,11}")
_MAX_SIGNATURES = 20


class _Names(NamedTuple):
    """The names of the three headers."""

    id: str
    timestamp: str
    signature: str


# Svix's own names for the same scheme (svix/svix-docs#330): libraries take either set.
_SETS = (_Names(ID, TIMESTAMP, SIGNATURE), _Names("svix-id", "svix-timestamp", "svix-signature"))


def _names(headers: Headers) -> _Names:
    """The set of names that was used. Raises SignatureInvalid if both were: which counts?"""
    sent = {name for name, _ in headers.items}
    used = [names for names in _SETS if sent.intersection(names)]
    if len(used) > 1:
        raise SignatureInvalid(f"{ID} and {_SETS[1].id} headers were sent together")
    return used[0] if used else _SETS[0]


def message_id(headers: Headers) -> str | None:
    """The id of the message, whichever set of names it uses."""
    return next((sent for names in _SETS if (sent := headers.only(names.id)) is not None), None)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return b""


def _secret(value: str) -> str:
    if not value.startswith(_PREFIX) or not 24 <= len(_key(value)) <= 64:
        raise ValueError("must be whsec_ followed by the base64 of 24 to 64 bytes")
    return value


Secret = Annotated[str, AfterValidator(_secret)]
Secrets = Annotated[tuple[Secret, ...], Field(min_length=1, max_length=10, repr=False)]


def _signature(secret: str, message_id: str, seconds: str, body: bytes) -> str:
    signed = f"{message_id}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def _one(headers: Headers, name: str, form: re.Pattern[str]) -> str:
    value = headers.one(name)
    if not form.fullmatch(value):
        raise SignatureInvalid(f"{name} is malformed")
    return value


def require_signature(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Prove that somebody who knows one of the secrets sent this message, just now.

    Raises SignatureInvalid: a header is missing, sent twice or malformed, the message was signed
    more than five minutes ago or ahead, or no signature fits.
    """
    names = _names(headers)
    sent_id = _one(headers, names.id, _MESSAGE_ID)
    seconds = _one(headers, names.timestamp, _SECONDS)
    sent = headers.one(names.signature)
    presented = [part.encode(errors="surrogatepass") for part in sent.split(" ")]
    if len(presented) > _MAX_SIGNATURES:
        raise SignatureInvalid(f"{names.signature} holds more than {_MAX_SIGNATURES} signatures")
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        raise SignatureInvalid(f"{names.timestamp} is more than 5 minutes off; check both clocks")
    expected = [_signature(secret, sent_id, seconds, body).encode() for secret in secrets]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in presented):
        raise SignatureInvalid(f"no signature in {names.signature} fits the message")


def signed_headers(
    body: bytes, secrets: Sequence[str], event_id: str, now: datetime
) -> dict[str, str]:
    """The headers of a message, signed with every secret."""
    seconds = str(int(now.astimezone(UTC).timestamp()))
    signatures = (_signature(secret, event_id, seconds, body) for secret in secrets)
    return {ID: event_id, TIMESTAMP: seconds, SIGNATURE: " ".join(signatures)}
