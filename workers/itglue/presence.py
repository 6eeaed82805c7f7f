"""Whether an organization is still there. Three reads that must agree before it counts as gone."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from workers.itglue.decode import checked_id, included, organization, resources, total_count
from workers.itglue.failures import CallFailed, KeyRefused, ResourceMissing
from workers.itglue.models import Organization, Presence
from workers.itglue.organizations import PATH, show
from workers.itglue.together import together
from workers.itglue.transport import Query, Transport

T = TypeVar("T")
Failure = CallFailed | KeyRefused

_ONE = ("page[size]", "1")


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of organizations, and how many there are on all pages."""

    rows: tuple[Organization, ...]
    total: int | None

    def __str__(self) -> str:
        shown = ", ".join(f"organization {row.id}" for row in self.rows) or "nothing"
        return f"{shown} ({'an unstated number' if self.total is None else self.total} in all)"


async def control(transport: Transport) -> Listing:
    """A read that must succeed: it proves the key, the region and that IT Glue is up.

    There is always an organization to list, the account's own.

    Raises:
        CallFailed: the list is empty.
    """
    listing = await _list(transport, ())
    if not listing.rows:
        raise CallFailed("IT Glue lists no organization at all, not even the account's own")
    return listing


async def presence(transport: Transport, org_id: str) -> Presence:
    """Look by id, by list and at the control, at the same time."""
    checked_id(org_id)
    shown, listed, controlled = await together(
        _attempt(_shown(transport, org_id)),
        _attempt(_list(transport, (("filter[id]", org_id),))),
        _attempt(control(transport)),
    )
    return judge(org_id, shown, listed, controlled)


def judge(
    org_id: str,
    shown: Listing | Failure,
    listed: Listing | Failure,
    controlled: Listing | Failure,
) -> Presence:
    """What three reads amount to. Pure.

    A 404 with a page counts as a 404: that the address is right is what the other two prove. A
    list that holds another organization was not filtered, and says nothing.
    """
    evidence = f"by id: {_told(shown)}; in the list: {_told(listed)}; control: {_told(controlled)}"
    for look in (shown, listed):
        for row in look.rows if isinstance(look, Listing) else ():
            if row.id == org_id:
                return Presence("visible", evidence, row)
    gone = (
        isinstance(shown, ResourceMissing)
        and isinstance(listed, Listing)
        and not listed.rows
        and listed.total == 0
        and isinstance(controlled, Listing)
    )
    refused = isinstance(controlled, KeyRefused)
    return Presence("gone" if gone else "unclear", evidence, key_refused=refused)


def _told(look: Listing | Failure) -> str:
    return look.message if isinstance(look, Failure) else str(look)


async def _attempt(read: Coroutine[Any, Any, T]) -> T | Failure:
    try:
        return await read
    except (CallFailed, KeyRefused) as error:
        return error


async def _shown(transport: Transport, org_id: str) -> Listing:
    return Listing((await show(transport, org_id, ()),), 1)


async def _list(transport: Transport, query: Query) -> Listing:
    payload = await transport.read(PATH, (*query, _ONE), what="a list of organizations")
    alongside = included(payload)
    rows = tuple(organization(row, alongside) for row in resources(payload))
    return Listing(rows, total_count(payload))
