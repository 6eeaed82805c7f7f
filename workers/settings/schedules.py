"""`[schedules.<name>]`: sweeps and catch-ups, and which make no sense under a policy."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from adapters.contract import SourceConfig
from adapters.models import HttpUrl
from workers.settings.policy import Hashtags, PolicySettings
from workers.settings.section import Section
from workers.times.cron import checked_cron, checked_zone

# What a catch-up is told; everything else is a sweep's.
_OF_BOTH: Final = {"kind", "cron", "timezone", "sources"}


class Schedule(Section):
    """`[schedules.<name>]`: a sweep for organizations that meet the policy and these criteria.

    A criterion that is left empty is the policy's own. A sweep that finds more than `limit`, or
    more than `max_share` of all organizations (and more than 5), asks for nothing. With
    `kind = "catch_up"` it says when the PSAs of `sources` (none named: of all that can be asked)
    are asked for what their events did not say, and has no criteria.
    """

    kind: Literal["sweep", "catch_up"] = "sweep"
    sources: tuple[str, ...] = ()
    cron: Annotated[str, AfterValidator(checked_cron)]
    timezone: Annotated[str, AfterValidator(checked_zone)] = "UTC"
    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    required_tags: Hashtags = ()
    idle_days: Annotated[int, Field(ge=0)] = 0
    confirm_delete: bool = False
    dry_run: bool = False
    callback_url: HttpUrl | None = None
    limit: Annotated[int, Field(ge=1)] = 50
    max_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    max_deletions_per_day: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        given = self.model_fields_set
        if self.kind == "catch_up" and given - _OF_BOTH:
            raise ValueError(f"a catch-up has no {min(given - _OF_BOTH)}")
        if self.kind == "sweep" and self.sources:
            raise ValueError('sources belongs to kind = "catch_up"')
        return self


def catch_ups(
    schedules: Mapping[str, Schedule], sources: Mapping[str, SourceConfig]
) -> dict[str, tuple[str, str]]:
    """When each source is caught up with (cron and zone): hourly, where no schedule says else.

    The hourly ones are spread over the hour, the same for a name every time.
    """
    told = [each for each in schedules.values() if each.kind == "catch_up"]
    found = {}
    for name, source in sources.items():
        if not source.catches_up:
            continue
        named = [each for each in told if name in each.sources]
        every = [each for each in told if not each.sources]
        minute = hashlib.sha256(name.encode()).digest()[0] % 60
        hourly = (f"{minute} * * * *", "UTC")
        found[name] = next(((each.cron, each.timezone) for each in (*named, *every)), hourly)
    return found


def unusable(
    schedule: Schedule, policy: PolicySettings, sources: Mapping[str, SourceConfig]
) -> str | None:
    """Why a schedule can select nothing, or would select everything."""
    if schedule.kind == "catch_up":
        for name in schedule.sources:
            if name not in sources or not sources[name].catches_up:
                return f"sources: {name!r} has no credentials to ask its PSA with"
        return None
    soft = policy.mode == "soft_delete"
    if not soft:
        for key, mine, theirs in (
            ("statuses", schedule.statuses, policy.eligible_statuses),
            ("types", schedule.types, policy.eligible_types),
        ):
            if mine and theirs and not set(mine) & set(theirs):
                return f"{key}: none of them is in policy.eligible_{key}"
    selects = (
        schedule.statuses, schedule.types, schedule.required_tags, schedule.idle_days,
        () if soft else policy.eligible_statuses, policy.eligible_types, policy.required_tags,
        policy.min_idle_days, policy.only_ids,
    )  # fmt: skip
    if not any(selects):
        return "it has no criterion, and neither has the policy: it would select everything"
    return None
