"""Who did what: user metrics by day."""

import re
from datetime import date, datetime, timedelta

from starlette.responses import Response

from service.sandbox.answers import Refusal
from service.sandbox.journal import Call
from service.sandbox.query import interval, parse_query
from service.sandbox.routes.asked import honoured_filters
from service.sandbox.routes.lists import page_of
from service.sandbox.selection import select_records
from service.sandbox.state import Sandbox

_LONGEST = timedelta(days=7)


def list_user_metrics(sandbox: Sandbox, call: Call) -> Response:
    """`GET /user_metrics`: windows of at most a week, whose start is given.

    The words of the refusal are live ones, from wyre-technology/itglue-mcp (2026-08-06).
    """
    query = parse_query(call.pairs())
    window = None
    if ("date",) in query.filters:
        window = _window(query.filters["date",], sandbox.moment())
    filters = honoured_filters(call, query)
    records = select_records(sandbox.world, "user-metrics", filters)
    if window is not None and ("date",) in filters:
        start, end = window
        records = [
            each for each in records if start <= date.fromisoformat(each.attributes["date"]) <= end
        ]
    return page_of(sandbox, call, query, records)


def _window(text: str, now: datetime) -> tuple[date, date]:
    start, end = interval(text)
    first, last = _day(start), now.date() if end is None else _day(end)
    if first is None or last is None or last - first > _LONGEST:
        raise Refusal(
            422, "date range filter cannot be longer than a week, and cannot start with a wildcard"
        )
    return first, last


def _day(text: str | None) -> date | None:
    match = re.match(r"\d{4}-\d{2}-\d{2}(?=$|T)", text or "")
    try:
        return date.fromisoformat(match[0]) if match else None
    except ValueError:
        return None
