"""How many records a list holds, from its first row and `meta.total-count`.

Asking for one row and reading the total is the cheapest count IT Glue has; the row proves that
the filters were honoured.
"""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.errors import UnglueError
from workers.itglue.http.decode import (
    attribute,
    next_page,
    resources,
    stated,
    text_id,
    total_count,
)
from workers.itglue.http.failures import AnswerTooLarge, KeyRefused, RequestRefused, ResourceMissing
from workers.itglue.http.replies import Payload

ONE = ("page[size]", "1")

# A key without a right, a resource that the account does not have, a record too large to be
# listed: no repetition changes that.
UNCOUNTABLE = (KeyRefused, ResourceMissing, RequestRefused, AnswerTooLarge)


@dataclass(frozen=True, slots=True)
class Count:
    """A number, or `None` and the reason why there is none. `missing`: that was a 404."""

    number: int | None
    reason: str = ""
    missing: bool = False

    @classmethod
    def untaken(cls, error: UnglueError) -> "Count":
        """None, because of one of the UNCOUNTABLE."""
        return cls(None, error.message, isinstance(error, ResourceMissing))


def count(payload: Payload, expected: Mapping[str, object], *, nested: bool = False) -> Count:
    """The count that an answer proves.

    `expected` are attributes that every row must have with this value, because a filter asked for
    them; texts are compared as ids. On a `nested` route the path names the organization, so a row
    need not repeat it, and must not contradict it.
    """
    rows, total = resources(payload), total_count(payload)
    for row in rows:
        for name, value in expected.items():
            if nested and name == "organization-id" and not stated(row.attributes, name):
                continue
            found = attribute(row.attributes, name)
            if (text_id(found) if isinstance(value, str) else found) != value:
                return Count(None, f"IT Glue ignored the filter: a record has {name} {found!r}")
    if total is None:
        return Count(None, "IT Glue did not state the total")
    more = next_page(payload, 1) and total <= len(rows)
    if total < len(rows) or (total and not rows) or more:
        return Count(None, f"IT Glue states {total} in total and lists {len(rows)}")
    return Count(total)


def added(*counts: Count) -> Count:
    """The sum, if every part is known."""
    unknown = next((part for part in counts if part.number is None), None)
    return unknown or Count(sum(part.number or 0 for part in counts))


async def counted(read: Coroutine[Any, Any, Count]) -> Count:
    """The count, or why IT Glue does not let it be taken. Failures that may pass are raised."""
    try:
        return await read
    except UNCOUNTABLE as error:
        return Count.untaken(error)
