"""Who did what: user metrics by day, and the log of the last 30 days."""

import re
from datetime import UTC, date, datetime, timedelta

from starlette.responses import Response

from service.sandbox.answers import Refusal, page
from service.sandbox.journal import Call
from service.sandbox.query import interval, parse_query
from service.sandbox.render import record_resource
from service.sandbox.routes.asked import honoured_filters
from service.sandbox.selection import select_records
from service.sandbox.state import Sandbox
from service.sandbox.world import timestamp

_LONGEST = timedelta(days=7)
_LOG_DAYS = timedelta(days=30)
_LOG_PAGES = 5


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
    base_url = call.base_url
    return page(call, query, records, lambda it: record_resource(sandbox.world, it, base_url))


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


def list_logs(sandbox: Sandbox, call: Call) -> Response:
    """`GET /logs`: the last 30 days, five pages, and no filter but `created_at`."""
    query = parse_query(call.pairs())
    if query.number > _LOG_PAGES:
        raise Refusal(422, "Unprocessable Entity", detail="page[number] cannot be more than 5")
    oldest = timestamp((sandbox.moment() - _LOG_DAYS).astimezone(UTC))
    start, end = interval(honoured_filters(call, query).get(("created_at",), "*,*"))
    records = [
        each
        for each in sandbox.world.logs
        if max(oldest, start or "") <= each.attributes["created-at"]
        and (end is None or each.attributes["created-at"] <= end)
    ]
    records.sort(
        key=lambda each: (each.attributes["created-at"], each.id),
        reverse="created_at" not in query.sort,
    )
    base_url = call.base_url
    return page(call, query, records, lambda it: record_resource(sandbox.world, it, base_url))
