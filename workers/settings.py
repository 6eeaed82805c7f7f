"""`unglue.toml`: everything an installation decides, checked before anything starts.

The file named in `UNGLUE_CONFIG` (default `unglue.toml` in the working directory, if it is there)
is overridden by the environment: prefix `UNGLUE_`, nesting `__`. A variable that ends in `_FILE`
names a file that holds the value, for secrets that are mounted.
"""

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from redis.connection import parse_url

from adapters.contract import SourceConfig
from adapters.errors import ConfigurationError
from adapters.models import HttpUrl, OrgId
from adapters.origin import is_loopback
from adapters.registry import VENDORS
from workers.addresses import AddressRefused, target
from workers.cron import checked_cron, checked_zone
from workers.durations import Duration, SomeDuration
from workers.faults import faults
from workers.itglue.models import KINDS
from workers.outbox.kinds import Kind
from workers.settings_sources import PREFIX, from_environment, from_file, merged

_REGIONS = {
    "us": "https://api.itglue.com",
    "eu": "https://api.eu.itglue.com",
    "au": "https://api.au.itglue.com",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _webhook_secret(value: str) -> str:
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not value.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("must be whsec_ followed by the base64 of 24 to 64 bytes")
    return value


def _token_hash(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError(
            'must be the SHA-256 of the token, 64 digits of 0-9 and a-f: printf %s "$TOKEN" | '
            "sha256sum"
        )
    return value


def _hashtags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if not tag.startswith("#") or len(tag) < 2 or any(char.isspace() for char in tag):
            raise ValueError(f'{tag!r} must be a #word, like "#keep"')
    return tags


def _redis_url(value: str) -> str:
    try:
        parse_url(value)  # type: ignore[no-untyped-call] # redis-py does not say that it is a str
    except ValueError:
        # Its own words may quote a password.
        raise ValueError(
            'must be a URL that begins with redis://, rediss:// or unix://, like "redis://'
            'localhost:6379/0", with what is special in a password percent-encoded'
        ) from None
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError(f'{value!r} must be an address or a network, like "10.0.0.0/8"') from None
    return value


def _source(value: object, vendors: Mapping[str, Any]) -> object:
    if not isinstance(value, Mapping):
        return value
    vendor = str(value.get("vendor"))
    if vendor not in vendors:
        raise ValueError(f"vendor must be one of: {', '.join(sorted(vendors))}")
    return vendors[vendor].config.model_validate(value)


Format = Literal["slack", "teams", "json"]
WebhookSecret = Annotated[str, AfterValidator(_webhook_secret)]
Source = Annotated[SerializeAsAny[SourceConfig], BeforeValidator(partial(_source, vendors=VENDORS))]


class Section(BaseModel):
    """A table of the file. A key that is not known is an error: it may be a misspelt safeguard."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ITGlueSettings(Section):
    """`[itglue]`: the account, its key and its limits. `base_url` wins over `region`."""

    base_url: HttpUrl = _REGIONS["us"]
    region: Literal["us", "eu", "au"] | None = None
    api_key: Annotated[str, Field(min_length=1, repr=False)]
    requests_per_5_minutes: Annotated[int, Field(ge=50)] = 3000
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 30
    max_concurrent_requests: Annotated[int, Field(ge=1, le=200)] = 64

    @model_validator(mode="before")
    @classmethod
    def _region_names_the_host(cls, data: Any) -> Any:  # noqa: ANN401 - raw input
        if isinstance(data, Mapping) and data.get("region") in _REGIONS:
            return {"base_url": _REGIONS[data["region"]], **data}
        return data

    @field_validator("base_url")
    @classmethod
    def _key_stays_secret(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError(
                "must be https: the API key would travel unencrypted; plain http is for a sandbox "
                "on a loopback host only"
            )
        return url


class CallbackSettings(Section):
    """`[callback]`: where results go, and how they are signed."""

    url: HttpUrl | None = None
    secrets: Annotated[tuple[WebhookSecret, ...], Field(repr=False)] = ()
    allowed_hosts: tuple[Annotated[str, StringConstraints(to_lower=True)], ...] = ()
    allow_private_networks: bool = False

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.url is None:
            return self
        if not self.secrets:
            raise ValueError("secrets is required with url: results are never sent unsigned")
        try:
            target(
                self.url,
                allowed_hosts=self.allowed_hosts,
                allow_private=self.allow_private_networks,
            )
        except AddressRefused as error:
            raise ValueError(f"url: {error.message}") from None
        return self


class Notification(Section):
    """`[notifications.<name>]`: where people are told what needs them. The URL is a secret.

    `kinds` empty: all of them.
    """

    url: Annotated[HttpUrl, Field(repr=False)]
    format: Format
    kinds: tuple[Kind, ...] = ()
    secrets: Annotated[tuple[WebhookSecret, ...], Field(repr=False)] = ()
    allow_private_networks: bool = False

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.secrets and self.format != "json":
            raise ValueError('secrets: only format = "json" is signed')
        try:
            target(self.url, allowed_hosts=(), allow_private=self.allow_private_networks)
        except AddressRefused as error:
            raise ValueError(f"url: {error.message}") from None
        return self


class PolicySettings(Section):
    """`[policy]`: who may be deleted, and how."""

    mode: Literal["preview", "soft_delete", "delete"] = "delete"
    only_ids: tuple[OrgId, ...] = ()
    soft_delete_status: str = "Inactive"
    eligible_statuses: tuple[str, ...] = ("Inactive",)
    eligible_types: tuple[str, ...] = ()
    required_tags: tuple[str, ...] = ()
    blocking_tags: tuple[str, ...] = ("#keep", "#legal-hold")
    min_idle_days: Annotated[int, Field(ge=0)] = 0
    protected_ids: tuple[OrgId, ...] = ()
    protected_names: tuple[str, ...] = ()
    protected_types: tuple[str, ...] = ()
    block_psa_synced: bool = False
    dependency_limits: Mapping[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=lambda: {"assets": 0, "configs": 0, "documents": 0}
    )
    approval: Literal["always", "webhooks", "never"] = "webhooks"
    approval_ttl: SomeDuration = Field(default="7d", validate_default=True)
    grace_period: Duration = Field(default="0s", validate_default=True)
    eligibility_window: Duration = Field(default="24h", validate_default=True)
    max_event_age: Duration = Field(default="7d", validate_default=True)
    max_deletions_per_day: Annotated[int, Field(ge=1)] = 10
    max_deletions_per_hour: Annotated[int, Field(ge=1)] | None = None
    max_api_deletions_per_day: Annotated[int, Field(ge=1)] | None = None
    max_share_of_organizations: Annotated[float, Field(gt=0, le=1)] | None = None
    export: bool = True
    export_dir: str = "exports"
    export_retention_days: Annotated[int, Field(ge=1)] = 90
    export_timeout: Duration = Field(default="6h", validate_default=True)
    export_max_bytes: Annotated[int, Field(ge=1)] = 20 * 1024**3
    export_zip_password: Annotated[str | None, Field(repr=False)] = None
    export_include_logs: bool = False
    verify_window: Duration = Field(default="6h", validate_default=True)
    resend_after: Duration = Field(default="10m", validate_default=True)

    @field_validator("dependency_limits")
    @classmethod
    def _known_kinds(cls, limits: Mapping[str, int]) -> Mapping[str, int]:
        for kind in limits:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is not counted; the kinds are: {', '.join(KINDS)}")
        return limits

    @model_validator(mode="after")
    def _exports_outlive_the_wait(self) -> Self:
        if timedelta(days=self.export_retention_days) <= self.eligibility_window:
            raise ValueError("export_retention_days must be longer than eligibility_window")
        return self

    @field_validator("required_tags", "blocking_tags")
    @classmethod
    def _tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        return _hashtags(tags)


class Operator(Section):
    """`[operators.<name>]`: a person or a program that may call the API."""

    token_sha256: Annotated[str, AfterValidator(_token_hash), Field(repr=False)]
    roles: tuple[Literal["request", "approve", "admin"], ...] = ()


class Schedule(Section):
    """`[schedules.<name>]`: a sweep for organizations that meet the policy and these criteria.

    A criterion that is left empty is the policy's own. A sweep that finds more than `limit`, or
    more than `max_share` of all organizations (and more than 5), asks for nothing.
    """

    cron: Annotated[str, AfterValidator(checked_cron)]
    timezone: Annotated[str, AfterValidator(checked_zone)] = "UTC"
    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    required_tags: Annotated[tuple[str, ...], AfterValidator(_hashtags)] = ()
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


class WorkerSettings(Section):
    """`[worker]`: how long things may take before somebody else looks again."""

    lease: SomeDuration = Field(default="2m", validate_default=True)
    requeue_after: SomeDuration = Field(default="30s", validate_default=True)
    scheduler_interval: SomeDuration = Field(default="1s", validate_default=True)
    max_attempts: Annotated[int, Field(ge=1)] = 8


class AuditSettings(Section):
    """`[audit]`: where the audit log goes beside Redis, and how much of it Redis keeps."""

    file: str = ""
    keep_entries: Annotated[int, Field(ge=1000)] = 200_000


class Settings(BaseSettings):
    """The whole file. See the README's configuration section for each key's meaning."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = Field(default=None, repr=False)
    public_url: HttpUrl = "http://127.0.0.1:8000"
    secret_keys: Annotated[tuple[str, ...], Field(repr=False)] = ()
    durability: Literal["everysec", "fsync"] = "everysec"
    spool_dir: str = ""
    spool_max_bytes: Annotated[int, Field(ge=1)] = 64 * 1024**2
    retention_days: Annotated[int, Field(ge=1)] = 400
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    itglue: ITGlueSettings
    callback: CallbackSettings = CallbackSettings()
    policy: PolicySettings = PolicySettings()
    notifications: Mapping[str, Notification] = Field(default_factory=dict)
    operators: Mapping[str, Operator] = Field(default_factory=dict)
    sources: Mapping[str, Source] = Field(default_factory=dict)
    schedules: Mapping[str, Schedule] = Field(default_factory=dict)
    worker: WorkerSettings = WorkerSettings()
    audit: AuditSettings = AuditSettings()

    @field_validator("sources", "operators", "schedules", "notifications")
    @classmethod
    def _names(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in table:
            if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
                raise ValueError(f"{name!r}: a name has only letters, digits, - and _")
        return table

    @field_validator("sources")
    @classmethod
    def _not_the_api(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        if "api" in table:
            # Limits and the audit log would take its events for requests of operators.
            raise ValueError("'api' is what operators ask for; choose another name")
        return table

    @field_validator("operators")
    @classmethod
    def _tokens_differ(cls, table: Mapping[str, Operator]) -> Mapping[str, Operator]:
        owners: dict[str, str] = {}
        for name, operator in table.items():
            other = owners.setdefault(operator.token_sha256, name)
            if other != name:
                raise ValueError(
                    f"{other} and {name} have the same token: who acts would be a guess"
                )
        return table

    @model_validator(mode="after")
    def _schedules_select(self) -> Self:
        for name, schedule in self.schedules.items():
            problem = unusable(schedule, self.policy)
            if problem:
                raise ValueError(f"schedules.{name}: {problem}")
            if schedule.callback_url is not None:
                try:
                    CallbackSettings(**{**self.callback.model_dump(), "url": schedule.callback_url})
                except ValidationError as error:
                    why = error.errors()[0]["msg"].removeprefix("Value error, ")
                    raise ValueError(f"schedules.{name}.callback_url: {why}") from None
        return self

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        answered = self.itglue.timeout_seconds + self.worker.lease.total_seconds()
        if self.policy.resend_after.total_seconds() < answered:
            raise ValueError(
                "policy.resend_after must be longer than itglue.timeout_seconds and worker.lease "
                f"together ({answered:g} s), or two DELETEs could be under way at once"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; both are read by `load_settings`, so tests pass their own."""
        del dotenv_settings, file_secret_settings, env_settings, settings_cls
        return (init_settings,)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this installation.

    Raises:
        ConfigurationError: naming each field that is wrong, what is wrong, and nothing secret.
    """
    environment = os.environ if environment is None else environment
    tables = merged(from_file(environment), from_environment(Settings, environment))
    try:
        return Settings(**tables)
    except ValidationError as error:
        raise ConfigurationError("\n".join(faults(error, whole="unglue.toml"))) from None
