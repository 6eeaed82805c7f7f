"""Signed links to the page where a deletion is approved or rejected.

A link is bound to one asking: deletion, generation, digest of what is shown, and when the time is
over. It lies in a chat channel, so it is no authority: it shows the plan, and whoever decides there
gives an operator's token.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final

from itsdangerous import BadData, Serializer, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from workers.audit.keys import derived
from workers.ledger.records import Deletion
from workers.settings import Settings
from workers.times.clock import from_ms, to_ms

PATH: Final = "/approve"
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link is for. `until` is in milliseconds since the epoch."""

    deletion_id: str
    generation: int
    seen: str
    until: int

    @property
    def ends(self) -> datetime:
        """When the time is over."""
        return from_ms(self.until)


def sealed(secret_keys: Sequence[str], salt: str, content: Sequence[object]) -> str:
    """The content as a signed text for URLs and forms, by the newest key."""
    return _serializer(secret_keys, salt).dumps(list(content))


def opened(secret_keys: Sequence[str], salt: str, text: str) -> list[Any] | None:
    """The content, or `None` if no key of ours signed exactly this text for this purpose."""
    if not secret_keys or len(text) > _LONGEST or not text.isascii():
        return None
    signature = text.rpartition(".")[2]
    try:
        content = _serializer(secret_keys, salt).loads(text)
        # The last character has bits that no decoder looks at.
        exact = base64_encode(base64_decode(signature)) == signature.encode()
    except BadData:
        return None
    return content if exact and isinstance(content, list) else None


def _serializer(secret_keys: Sequence[str], salt: str) -> Serializer[str]:
    # Oldest first is what the package wants; and no key is used for two purposes.
    keys = [derived(each, b"approval links") for each in reversed(secret_keys)]
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(keys, salt=salt, signer_kwargs=options)


_SALT: Final = "approval link"


def link_of(settings: Settings, deletion: Deletion) -> str | None:
    """The address where this deletion is decided on, if it waits for that and keys are there."""
    asked = deletion.asked
    if not deletion.awaits_approval or asked is None or not settings.secret_keys:
        return None
    ticket = Ticket(deletion.id, deletion.generation, asked.seen, to_ms(asked.until))
    token = sealed(settings.secret_keys, _SALT, astuple(ticket))
    return f"{settings.public_url.rstrip('/')}{PATH}/{token}"


def ticket_of(settings: Settings, token: str) -> Ticket | None:
    """What a link's token is for, or `None` if we did not make it."""
    content = opened(settings.secret_keys, _SALT, token)
    return Ticket(*content) if content is not None else None
