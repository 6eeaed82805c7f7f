"""The times that a cron line names. Pure.

The rules are Debian cron's, as `cronsim` keeps them. For a fixed time of day, one that a change of
the clocks leaves out happens at the first minute that there is, and one that comes twice happens
the first time.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_ANY = datetime(2024, 1, 1, tzinfo=UTC)


def checked_cron(line: str) -> str:
    """The line, if it has five fields and ever comes true. Raises ValueError."""
    if len(line.split()) != 5:
        raise ValueError('must have 5 fields: minute hour day month weekday, like "0 3 1 * *"')
    try:
        never = next(CronSim(line, _ANY), None) is None
    except CronSimError as error:
        raise ValueError(f"is not a cron line: {error}") from None
    if never:
        raise ValueError("names a date that never comes")
    return line


def checked_zone(name: str) -> str:
    """The name, if it is one of the time zone database. Raises ValueError: it is not."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError('must be a name of the time zone database, like "Europe/Berlin"') from None
    return name


def newest_tick(cron: str, zone: str, now: datetime) -> datetime:
    """The newest moment that the line named, at or before `now`; in UTC."""
    here = (now.replace(microsecond=0) + timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    newest = next(CronSim(cron, here, reverse=True)).astimezone(UTC)
    # Backwards an hour that comes twice is seen once, and the first of the two may be passed over.
    for later in coming(cron, zone, newest, 2):
        newest = later if later <= now else newest
    return newest


def coming(cron: str, zone: str, now: datetime, count: int) -> list[datetime]:
    """The next moments after `now`, in UTC."""
    ticks = (tick.astimezone(UTC) for tick in CronSim(cron, now.astimezone(ZoneInfo(zone))))
    return list(islice((tick for tick in ticks if tick > now), count))
