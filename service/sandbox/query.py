r"""The query of a list: filters, page, sort, include.

A comma in a filter separates alternatives; `\,` is a comma of the value itself. Source:
https://help.itglue.kaseya.com/help/Content/1-admin/it-glue-api/sorting-and-filtering-in-the-it-glue-api.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 1000

Path = tuple[str, ...]
_BRACKETED = re.compile(r"filter((\[[^\[\]]*\])+)")
_SEPARATOR = re.compile(r"(?<!\\),")
_TRUE = {"true": "true", "1": "true", "false": "false", "0": "false"}


@dataclass(frozen=True, slots=True)
class Query:
    """What a list is asked for. `filters` is path → text as sent, e.g. `("exclude", "id")`."""

    filters: Mapping[Path, str]
    number: int
    size: int
    sort: tuple[str, ...]
    include: frozenset[str]


def alternatives(text: str) -> frozenset[str]:
    """The values of a filter."""
    return frozenset(value.replace("\\,", ",") for value in _SEPARATOR.split(text))


def truths(text: str) -> frozenset[str]:
    """The values of a filter on a boolean: `true`, `false`, also written 1 and 0."""
    return frozenset(_TRUE.get(value.strip().lower(), value) for value in alternatives(text))


def interval(text: str) -> tuple[str | None, str | None]:
    """The ends of `start,end`, where `*` leaves one open."""
    start, _, end = text.partition(",")
    return (None if start in ("", "*") else start, None if end in ("", "*") else end)


def parse_query(pairs: Iterable[tuple[str, str]]) -> Query:
    """A query from its name and value pairs. What is not understood has no effect."""
    filters: dict[Path, str] = {}
    plain: dict[str, str] = {}
    for name, value in pairs:
        match = _BRACKETED.fullmatch(name)
        if match:
            filters[tuple(match[1][1:-1].split("]["))] = value
        else:
            plain[name] = value
    return Query(
        filters=filters,
        number=_at_least_one(plain.get("page[number]"), 1),
        size=min(_at_least_one(plain.get("page[size]"), DEFAULT_PAGE_SIZE), LARGEST_PAGE_SIZE),
        sort=tuple(field for field in plain.get("sort", "").split(",") if field),
        include=frozenset(
            name.strip().replace("-", "_") for name in plain.get("include", "").split(",")
        ),
    )


def _at_least_one(text: str | None, default: int) -> int:
    if text is None or not re.fullmatch(r"[0-9]{1,9}", text):
        return default
    return int(text) or default
