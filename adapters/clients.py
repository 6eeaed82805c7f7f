"""By what a client is known to a sender that may name it by id, by name, or by both."""

from collections.abc import Sequence
from datetime import datetime

from adapters.fields import Identity, Unreadable, folded
from adapters.models import Reactivated


def known_as(*, name: str | None, **ids: str | None) -> tuple[str, ...]:
    """Every identity of a client, the most certain first: `id:5`, `name:example client`.

    Names are folded: taking two clients for one can only keep a deletion from happening.
    """
    found = [f"{kind}:{value}" for kind, value in ids.items() if value]
    return (*found, f"name:{folded(name)}") if name else tuple(found)


def reactivated(
    clients: Sequence[str], identity: Identity, occurred_at: datetime | None
) -> tuple[Reactivated, ...]:
    """The client is active under every identity it has.

    The inactive event may have named it by another one of them.

    Raises:
        Unreadable: `client_missing`; it has none.
    """
    if not clients:
        raise Unreadable("client_missing")
    return tuple(
        Reactivated(
            event_id=identity.reactivation + (f"#{number}" if number else ""),
            occurred_at=occurred_at,
            client=client,
        )
        for number, client in enumerate(clients)
    )
