"""An entry that a vendor has registered for a source."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Registered:
    """An entry of ours and its differences: name, what is, what should be; `by_hand` the rest."""

    id: str
    entry: Mapping[str, Any]
    differs: tuple[tuple[str, Any, Any], ...]
    by_hand: str = ""


def address_of(public_url: str, source: str) -> str:
    """Where the source's vendor is to send."""
    return f"{public_url.rstrip('/')}/webhooks/{source}"
