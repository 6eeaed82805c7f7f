"""What the outbox is to send, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A body and its way. `hint` says where in the configuration a refused way is allowed."""

    url: str
    body: bytes
    secrets: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    allow_private: bool
    hint: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing is sent. `final`: nor will it ever be."""

    why: str
    final: bool
