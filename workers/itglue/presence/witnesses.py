"""From where an account was seen: its primary organization, its size, and some witnesses. Pure.

That an organization is no longer shown says something only if everything else still is, and to the
same account's key.
"""

from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

from adapters.counting import counted
from workers.itglue.contents.subtree import Place
from workers.itglue.models import AccountView

MOST_WITNESSES: Final = 5
_PORTS: Final = {"http": 80, "https": 443}


def normalised(base_url: str) -> str:
    """The address in one spelling: scheme and host in small letters, no usual port, no last `/`."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    usual = parts.port is None or parts.port == _PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}{'' if usual else f':{parts.port}'}{parts.path.rstrip('/')}"


def view(leaving: Collection[str], places: Iterable[Place]) -> AccountView:
    """The account around what is to be deleted; `leaving` are the ids that go with it.

    The witnesses are spread over the list, so that a right that was lost to a part of it takes one
    of them along.
    """
    places = tuple(places)
    flagged = [item.id for item in places if item.primary]
    primary = flagged[0] if len(flagged) == 1 else None
    first = [primary] if primary is not None and primary not in leaving else []
    others = [item.id for item in places if item.id not in leaving and item.id != primary]
    wanted = min(len(others), MOST_WITNESSES - len(first))
    chosen = [others[(2 * number + 1) * len(others) // (2 * wanted)] for number in range(wanted)]
    return AccountView(primary, len(places), (*first, *chosen))


def contradiction(
    before: AccountView | None,
    visible: Collection[str],
    total: int | None,
    org_id: str,
    ours: Collection[str],
) -> str:
    """What speaks against seeing the account as it was seen before; "" if nothing does.

    `ours` are the organizations that the same record deleted, or may have, since. A witness that is
    not shown must be one of them: whom else a key shows less to may have lost the right to see it.
    All others must be visible, the primary one among them, and at least one there must be. And the
    account may have shrunk by ours alone, which also shows a right that was lost to organizations
    that are no witnesses. So one witness that a person deletes meanwhile keeps the proof away until
    somebody looks, and one that Unglue deletes does not.
    """
    if before is None or not before.witnesses:
        return "nothing is known of what the account showed before"
    missing = [each for each in before.witnesses if each not in visible and each not in ours]
    if missing:
        return f"no longer shown, and not deleted by Unglue: {', '.join(missing)}"
    if not any(each in visible for each in before.witnesses):
        return "no organization that was seen before is left to compare with"
    if total is None:
        return "IT Glue does not say how many organizations there are"
    least = before.total - len({*ours, org_id})
    if total < least:
        return f"{counted(total, 'organizations')}, and there should be at least {least}"
    return ""
