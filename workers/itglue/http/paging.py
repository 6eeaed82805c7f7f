"""Every row of a list, once, or an error: a row that was missed may be a sub-organization."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from workers.itglue.http.decode import (
    Included,
    Resource,
    decoded,
    next_page,
    resources,
    total_count,
)
from workers.itglue.http.failures import AnswerTimedOut, AnswerTooLarge, CallFailed
from workers.itglue.http.transport import Query, Transport

T = TypeVar("T")

# The largest page IT Glue documents, and then ever smaller ones, as its help pages advise when
# requests time out.
_SIZES = (1000, 500, 250)
_PASSES = 3
_MOST_PAGES = 2000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list; `total` is how many there are in all, if IT Glue says so.

    `ids` are those that the rows state, `twice` whether two state the same. `follows`: it says that
    a page follows, or that none does; `None` if it says neither.
    """

    rows: list[T]
    total: int | None
    ids: frozenset[str]
    twice: bool = False
    follows: bool | None = None


async def one_page(
    transport: Transport,
    path: str,
    query: Query,
    decode: Callable[[Resource, Included], T],
    *,
    number: int,
    size: int,
    what: str,
) -> Page[T]:
    """One page of a list, decoded; what moves between two is the caller's. Raises CallFailed."""
    paged = [*query, ("page[size]", str(size)), ("page[number]", str(number))]
    payload = await transport.read(path, paged, what=what)
    stated = [row.id for row in resources(payload) if row.id]
    ids = frozenset(stated)
    return Page(
        decoded(payload, decode),
        total_count(payload),
        ids,
        len(ids) < len(stated),
        next_page(payload, number),
    )


class _Moved(CallFailed):
    """The list changed while it was read, so that rows may have slipped between two pages."""


async def every(
    transport: Transport,
    path: str,
    query: Query,
    decode: Callable[[Resource, Included], T],
    *,
    what: str,
    most: int = _SIZES[0],
    unique: bool = True,
) -> list[T]:
    """All rows of a list, decoded, from as many pages as it takes, none of more than `most` rows.

    `unique`: two rows of one page have two ids.
    A page that takes too long or is too large starts the list again with smaller pages, a list that
    moves while it is read starts again as it is. Raises CallFailed: no page size is answered in
    time, or the list never holds still.
    """
    sizes = iter([size for size in _SIZES if size <= most])
    size = next(sizes)
    moves = 0
    while True:
        try:
            return await _one_pass(
                transport, path, query, decode, size=size, what=what, unique=unique
            )
        except (AnswerTimedOut, AnswerTooLarge):
            smaller = next(sizes, None)
            if smaller is None:
                raise
            size = smaller
        except _Moved:
            moves += 1
            if moves == _PASSES:
                raise


async def _one_pass(
    transport: Transport,
    path: str,
    query: Query,
    decode: Callable[[Resource, Included], T],
    *,
    size: int,
    what: str,
    unique: bool,
) -> list[T]:
    found: list[T] = []
    seen: set[str] = set()
    first_total: int | None = None
    for number in range(1, _MOST_PAGES + 1):
        page = await one_page(transport, path, query, decode, number=number, size=size, what=what)
        total = page.total
        if number == 1:
            first_total = total
        elif total != first_total:
            raise _Moved(f"the list of {what} changed while it was read")
        # A row that comes twice stands in the place of one that does not come at all.
        if page.ids & seen or (unique and page.twice):
            raise _Moved(f"the list of {what} repeats rows")
        seen |= page.ids
        found += page.rows
        if total is None and not found:
            raise CallFailed(f"the list of {what} is empty and does not state its total")
        # How large a page is IT Glue decides, so a short one is not the last for that.
        ended = not page.rows or page.follows is False if total is None else len(found) >= total
        if ended and (page.follows or (total is not None and len(found) > total)):
            raise _Moved(f"the list of {what} does not end where it says, after {total} rows")
        if ended:
            return found
        if not page.rows:
            raise _Moved(f"the list of {what} ended after {len(found)} of {total} rows")
    raise CallFailed(f"the list of {what} does not end after {_MOST_PAGES} pages")
