"""`[policy]`: who may be deleted, and how."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from adapters.durations import Duration
from adapters.models import OrgId
from workers.itglue.models import KINDS
from workers.settings.section import Section
from workers.times.durations import SomeDuration


def _hashtags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if not tag.startswith("#") or len(tag) < 2 or any(char.isspace() for char in tag):
            raise ValueError(f'{tag!r} must be a #word, like "#keep"')
    return tags


Mode = Literal["preview", "soft_delete", "delete"]
# From the mildest to the hardest.
MODES: tuple[Mode, ...] = get_args(Mode)


def milder(*modes: Mode | None) -> Mode | None:
    """The mildest of them, `None` if none is known."""
    return min((each for each in modes if each), key=MODES.index, default=None)


# What nobody can get back is named first.
LIMITED_KINDS: Final = ("passwords", *(kind for kind in KINDS if kind != "passwords"))
Hashtags = Annotated[tuple[str, ...], AfterValidator(_hashtags)]


UNLIMITED: Final = "unlimited"


def _lifted(value: object) -> object:
    # What a template left empty, or answers a question that was not asked, is no number.
    if value is None or isinstance(value, bool):
        raise ValueError(f'must be a number, or "{UNLIMITED}"')
    return None if value == UNLIMITED else value


def _written(limit: int | None) -> int | str:
    return UNLIMITED if limit is None else limit


# How many records of a kind may be lost; `None`: any number, which must be written as "unlimited".
Limit = Annotated[
    Annotated[int, Field(ge=0)] | None, BeforeValidator(_lifted), PlainSerializer(_written)
]


class PolicySettings(Section):
    """`[policy]`: who may be deleted, and how."""

    mode: Mode = "delete"
    only_ids: tuple[OrgId, ...] = ()
    soft_delete_status: str = "Inactive"
    eligible_statuses: tuple[str, ...] = ("Inactive",)
    eligible_types: tuple[str, ...] = ()
    required_tags: Hashtags = ()
    blocking_tags: Hashtags = ("#keep", "#legal-hold")
    min_idle_days: Annotated[int, Field(ge=0)] = 0
    protected_ids: tuple[OrgId, ...] = ()
    protected_names: tuple[str, ...] = ()
    protected_types: tuple[str, ...] = ()
    block_psa_synced: bool = False
    dependency_limits: Mapping[str, Limit] = Field(
        default_factory=lambda: dict.fromkeys(LIMITED_KINDS, 0)
    )
    approval: Literal["always", "webhooks", "never"] = "webhooks"
    approval_ttl: SomeDuration = Field(default="7d", validate_default=True)
    # Written, it counts for every deletion; `pipeline/steps/grace.py` has what counts if not.
    grace_period: Duration | None = None
    eligibility_window: Duration = Field(default="24h", validate_default=True)
    max_event_age: Duration = Field(default="7d", validate_default=True)
    max_deletions_per_day: Annotated[int, Field(ge=1)] = 10
    max_deletions_per_hour: Annotated[int, Field(ge=1)] | None = None
    max_api_deletions_per_day: Annotated[int, Field(ge=1)] | None = None
    max_share_of_organizations: Annotated[float, Field(gt=0, le=1)] | None = None
    export: bool = True
    export_dir: str = "exports"
    export_max_age: SomeDuration = Field(default="1h", validate_default=True)
    export_retention_days: Annotated[int, Field(ge=1)] = 90
    export_timeout: Duration = Field(default="6h", validate_default=True)
    export_max_bytes: Annotated[int, Field(ge=1)] = 20 * 1024**3
    export_zip_password: Annotated[str | None, Field(repr=False)] = None
    export_include_logs: bool = False
    verify_window: Duration = Field(default="6h", validate_default=True)
    resend_after: Duration = Field(default="10m", validate_default=True)

    @field_validator("dependency_limits")
    @classmethod
    def _every_kind(cls, limits: Mapping[str, int | None]) -> Mapping[str, int | None]:
        for kind in limits:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is not counted; the kinds are: {', '.join(KINDS)}")
        return {**dict.fromkeys(LIMITED_KINDS, 0), **limits}

    @model_validator(mode="after")
    def _exports_outlive_the_wait(self) -> Self:
        if timedelta(days=self.export_retention_days) <= self.eligibility_window:
            raise ValueError("export_retention_days must be longer than eligibility_window")
        return self
