"""Whether an organization is still there. Reads that must agree before it counts as gone."""

from collections.abc import Collection, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from workers.itglue.contents.counting import count
from workers.itglue.contents.together import both, together
from workers.itglue.http.decode import checked_id, decoded, organization, total_count
from workers.itglue.http.failures import CallFailed, KeyRefused, RequestRefused, ResourceMissing
from workers.itglue.http.transport import Query, Transport
from workers.itglue.models import AccountView, Organization, Presence
from workers.itglue.organizations import PATH, show
from workers.itglue.presence.witnesses import contradiction

T = TypeVar("T")
Failure = CallFailed | KeyRefused

_ONE = ("page[size]", "1")
_FEW = ("page[size]", "50")
# With which IT Glue itself says that there is nothing to be asked for; any other is of the way.
_NOTHING_TO_ASK_FOR = frozenset({400, 410, 422})


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

    There is always an organization to list, the account's own. Raises CallFailed: the list is
    empty.
    """
    listing = await _list(transport, ())
    if not listing.rows:
        raise CallFailed("IT Glue lists no organization at all, not even the account's own")
    return listing


async def presence(
    transport: Transport,
    org_id: str,
    before: AccountView | None = None,
    ours: Collection[str] = (),
    held: str | None = None,
) -> Presence:
    """Look by id, by list, at the control, at the witnesses and at what it held, at the same time.

    Never raises for what IT Glue answers or fails to.
    `before` is the account as the plan saw it, `ours` what the same record deleted since, `held`
    the resource of a kind of record that the organization had.
    """
    checked_id(org_id)
    ids = before.witnesses if before is not None else ()
    (shown, listed, controlled, seen), remains = await both(
        together(
            _attempt(_shown(transport, org_id)),
            _attempt(_list(transport, (("filter[id]", org_id),))),
            _attempt(control(transport)),
            _attempt(_visible(transport, ids)),
        ),
        _attempt(_rest(transport, held, org_id)),
    )
    found = judge(org_id, shown, listed, controlled, seen, before, ours, remains)
    expected = before.primary if before is not None else None
    rows = seen.rows if isinstance(seen, Listing) else ()
    if any(row.primary and row.id == expected for row in rows):
        return replace(found, primary=expected)
    if expected is None or isinstance(controlled, Failure):
        return found
    other = await _attempt(primary(transport))
    return replace(found, primary=other) if isinstance(other, str) else found


async def primary(transport: Transport) -> str | None:
    """The account's own organization, if the rows themselves say which; else `None`."""
    payload = await transport.read(PATH, (("filter[primary]", "true"), _FEW), what="the account")
    flagged = [row.id for row in decoded(payload, organization) if row.primary]
    return flagged[0] if len(flagged) == 1 else None


async def _visible(transport: Transport, ids: Collection[str]) -> Listing:
    """Those that IT Glue shows: in one list, and what it lacks by id. Raises CallFailed."""
    if not ids:
        return Listing((), None)
    payload = await transport.read(
        PATH, (("filter[id]", ",".join(ids)), _FEW), what="the organizations seen before"
    )
    rows = {row.id: row for row in decoded(payload, organization) if row.id in ids}
    for missing in await together(*(_by_id(transport, each) for each in ids if each not in rows)):
        rows |= {row.id: row for row in missing}
    return Listing(tuple(rows.values()), len(rows))


async def _by_id(transport: Transport, org_id: str) -> tuple[Organization, ...]:
    try:
        return (await show(transport, org_id, ()),)
    except ResourceMissing:
        return ()


async def _rest(transport: Transport, held: str | None, org_id: str) -> int:
    """How many records of it there still are.

    That there is nothing to be asked for any more is 0. That the key may not ask, that one is too
    large to be shown, and an answer that does not prove its number are not.
    """
    if held is None:
        return 0
    try:
        payload = await transport.read(
            f"/{held}", (("filter[organization_id]", org_id), _ONE), what=held
        )
    except RequestRefused as refused:
        if refused.status not in _NOTHING_TO_ASK_FOR or refused.page:
            raise
        return 0
    except ResourceMissing as missing:
        if missing.page:
            raise
        return 0
    left = count(payload, {"organization-id": org_id})
    if left.number is None:
        raise CallFailed(f"whether records of it are left is not known: {left.reason}")
    return left.number


def judge(
    org_id: str,
    shown: Listing | Failure,
    listed: Listing | Failure,
    controlled: Listing | Failure,
    seen: Listing | Failure,
    before: AccountView | None,
    ours: Collection[str] = (),
    remains: int | Failure = 0,
) -> Presence:
    """What the reads amount to. Pure.

    A 404 with a page counts as a 404: that the address is right is what the others prove. A
    list that holds another organization was not filtered, and says nothing. `seen` are the
    witnesses that are visible; what they must show says `witnesses.contradiction`. Records of it
    that are still listed show that it was hidden and not deleted.
    """
    evidence = f"by id: {_told(shown)}; in the list: {_told(listed)}; control: {_told(controlled)}"
    for look in (shown, listed):
        for row in look.rows if isinstance(look, Listing) else ():
            if row.id == org_id:
                return Presence("visible", evidence, row)
    against = ""
    if isinstance(seen, Failure):
        against = seen.message
    elif isinstance(controlled, Listing):
        rows = {row.id: row for row in seen.rows}
        against = contradiction(before, rows, controlled.total, org_id, ours)
        own = rows.get(before.primary or "") if before is not None else None
        if own is not None and not own.primary:
            against = f"organization {own.id} is no longer the account's own"
    if isinstance(remains, Failure):
        against = against or remains.message
    elif remains:
        against = "records of it are still listed"
    told = _told(seen) if isinstance(seen, Failure) or seen.rows else "none"
    evidence += f"; witnesses: {told}" + (f"; against it: {against}" if against else "")
    gone = (
        isinstance(shown, ResourceMissing)
        and isinstance(listed, Listing)
        and not listed.rows
        and listed.total == 0
        and isinstance(controlled, Listing)
        and not against
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
    return Listing(tuple(decoded(payload, organization)), total_count(payload))
