"""Who somebody is by the word of a proxy: believed only if a listed one sends it, once.

The peer is the one that holds the connection, never an address out of `X-Forwarded-For`.
"""

from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import HTTPConnection

from service.access.peers import listed
from workers.settings import Settings

# Where the server notes who holds the connection, before a proxy's word on it is taken.
PEER: Final = "peer"
Why = Literal["peer", "several", "unknown"]


@dataclass(frozen=True, slots=True)
class Proxied:
    """The operator who is named, "" if none. `refused`: why a name that was sent is ignored."""

    operator: str = ""
    refused: Why | None = None
    peer: str = "unknown"


def proxied(settings: Settings, connection: HTTPConnection) -> Proxied:
    """Who this request is of by the header of `[login]`."""
    login = settings.login
    values = connection.headers.getlist(login.header) if login.header else []
    if not values:
        return Proxied()
    holder = connection.scope.get("state", {}).get(PEER)
    peer = str(holder[0]) if holder else "unknown"
    if not listed(peer, login.header_peers):
        return Proxied(refused="peer", peer=peer)
    if len(values) > 1:
        return Proxied(refused="several", peer=peer)
    operator = operator_of(settings, values[0].strip())
    return Proxied(operator, None if operator else "unknown", peer)


def operator_of(settings: Settings, known_as: str) -> str:
    """The operator whom a proxy or a provider knows by this name, "" if none."""
    found = (name for name, each in settings.operators.items() if each.sign_on == known_as)
    return next(found, "") if known_as else ""
