"""`[schedules.<name>]`: sweeps, and which of them make no sense under a policy."""

from typing import Annotated

from pydantic import AfterValidator, Field

from adapters.models import HttpUrl
from workers.settings.policy import Hashtags, PolicySettings
from workers.settings.section import Section
from workers.times.cron import checked_cron, checked_zone


class Schedule(Section):
    """`[schedules.<name>]`: a sweep for organizations that meet the policy and these criteria.

    A criterion that is left empty is the policy's own. A sweep that finds more than `limit`, or
    more than `max_share` of all organizations (and more than 5), asks for nothing.
    """

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


def unusable(schedule: Schedule, policy: PolicySettings) -> str | None:
    """Why a schedule can select nothing, or would select everything."""
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
