"""What the outbox works with and what it is to send, as values."""

from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from workers.ledger.ledger import Ledger
from workers.outbox.post import SECONDS
from workers.settings import Settings
from workers.times.clock import Clock


@dataclass(frozen=True, slots=True)
class Means:
    """What the outbox works with; a receiver has `patience` seconds until its status comes."""

    ledger: Ledger
    settings: Settings
    clock: Clock
    random: Random
    patience: float = SECONDS


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


def host_of(url: str) -> str:
    """The host of a URL, with the port if it is not the usual one; "" if there is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").lower()
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{host}:{port}" if host and port not in {None, usual} else host
