"""How much may be deleted within a day or an hour before a person is asked. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from workers.ledger.records import Deletion
from workers.settings import Settings
from workers.times.durations import milliseconds

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SCHEDULE = "schedule:"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `allowed` deletions begun within the last `window`; of this source alone, if named.

    `name` is the setting, as an operator looks for it.
    """

    name: str
    allowed: int
    window: timedelta
    source: str = ""

    def plain(self) -> dict[str, Any]:
        """The limit as the script reads it."""
        return {**asdict(self), "window": milliseconds(self.window)}


def limits_of(
    deletion: Deletion, settings: Settings, organizations: int | None
) -> tuple[Limit, ...]:
    """The limits that hold for a deletion, in the order in which they are asked.

    `organizations` is how many the account has. Where that is not known no share of it is, so none
    may go.
    """
    return tuple(_limits(deletion, settings, organizations))


def _limits(deletion: Deletion, settings: Settings, organizations: int | None) -> Iterator[Limit]:
    policy = settings.policy
    yield Limit("policy.max_deletions_per_day", policy.max_deletions_per_day, _DAY)
    if policy.max_deletions_per_hour is not None:
        yield Limit("policy.max_deletions_per_hour", policy.max_deletions_per_hour, _HOUR)
    if policy.max_share_of_organizations is not None:
        # To nine digits: 0.29 of 100 is 28.999999999999996 in floating point.
        allowed = int(round((organizations or 0) * policy.max_share_of_organizations, 9))
        yield Limit("policy.max_share_of_organizations", allowed, _DAY)
    name, most = _of_source(deletion.source, settings)
    if most is not None:
        yield Limit(name, most, _DAY, deletion.source)


def _of_source(source: str, settings: Settings) -> tuple[str, int | None]:
    if source == "api":
        return "policy.max_api_deletions_per_day", settings.policy.max_api_deletions_per_day
    if source.startswith(_SCHEDULE):
        name = source.removeprefix(_SCHEDULE)
        schedule = settings.sweeps.get(name)
        most = schedule.max_deletions_per_day if schedule else None
        return f"schedules.{name}.max_deletions_per_day", most
    config = settings.sources.get(source)
    return f"sources.{source}.max_deletions_per_day", (
        config.max_deletions_per_day if config else None
    )
