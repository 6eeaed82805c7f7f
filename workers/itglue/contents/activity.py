"""When people last did something in an organization, from the daily counters of user metrics.

`GET /user_metrics` takes windows of at most a week that do not start with a wildcard (422
otherwise, measured by wyre-technology/itglue-mcp).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from workers.itglue.contents.together import together
from workers.itglue.http.decode import Included, Resource, attribute, checked_id, text_id, whole
from workers.itglue.http.failures import CallFailed
from workers.itglue.http.paging import every
from workers.itglue.http.transport import Query, Transport

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_COUNTERS = ("created", "viewed", "edited", "deleted")


async def last_activity(
    transport: Transport, org_id: str, *, since: datetime, now: datetime
) -> datetime | None:
    """The end of the newest day with activity (but not after `now`); `None` if there is none.

    A day is all the metrics say, and its end is the later, more careful guess.
    """
    checked_id(org_id)
    first, today = since.astimezone(UTC).date(), now.astimezone(UTC).date()
    rows = await together(*(_window(transport, org_id, window) for window in windows(first, today)))
    days = [day for part in rows for day in part if day is not None]
    if not days:
        return None
    return min(datetime.combine(max(days) + _DAY, time(), UTC), now)


def windows(since: date, today: date) -> Iterator[tuple[date, date]]:
    """Windows of at most a week that cover `since` to `today`, newest first. Pure.

    Neighbours share a day, and the first ends tomorrow, so that it does not matter whether IT Glue
    counts the last day of a window in.
    """
    end = today + _DAY
    while end > since:
        start = max(end - _WEEK, since)
        yield start, end
        end = start


async def _window(
    transport: Transport, org_id: str, window: tuple[date, date]
) -> list[date | None]:
    def decode(row: Resource, _: Included) -> date | None:
        return active_day(row, org_id)

    query: Query = (
        ("filter[organization_id]", org_id),
        ("filter[date]", f"{window[0].isoformat()},{window[1].isoformat()}"),
    )
    # Whether each row has an id of its own is not documented; an example has one for two.
    return await every(transport, "/user_metrics", query, decode, what="user metrics", unique=False)


def active_day(row: Resource, org_id: str) -> date | None:
    """The day of a row that counts something of this organization. Pure. Raises CallFailed."""
    attributes = row.attributes
    owner = text_id(attribute(attributes, "organization-id"))
    if owner is None:
        raise CallFailed("a row of user metrics does not name its organization")
    if owner != org_id or all(whole(attribute(attributes, name)) == 0 for name in _COUNTERS):
        return None
    try:
        return date.fromisoformat(str(attribute(attributes, "date"))[:10])
    except ValueError:
        raise CallFailed("a row of user metrics does not state its day") from None
