"""`unglue.toml`: everything an installation decides, checked before anything starts.

The file named in `UNGLUE_CONFIG` (default `unglue.toml` in the working directory, if it is there)
is overridden by the environment: prefix `UNGLUE_`, nesting `__`. A variable that ends in `_FILE`
names a file that holds the value, for secrets that are mounted.
"""

import base64
import binascii
import json
import os
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from adapters.contract import SourceConfig
from adapters.errors import ConfigurationError
from adapters.models import HttpUrl, OrgId
from adapters.registry import VENDORS
from workers.durations import Duration

_PREFIX = "UNGLUE_"
_REGIONS = {
    "us": "https://api.itglue.com",
    "eu": "https://api.eu.itglue.com",
    "au": "https://api.au.itglue.com",
}


def _webhook_secret(value: str) -> str:
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not value.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("must be whsec_ followed by the base64 of 24 to 64 bytes")
    return value


def _source(value: object, vendors: Mapping[str, Any]) -> object:
    if not isinstance(value, Mapping):
        return value
    vendor = str(value.get("vendor"))
    if vendor not in vendors:
        raise ValueError(f"vendor must be one of: {', '.join(sorted(vendors))}")
    return vendors[vendor].config.model_validate(value)


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


class CallbackSettings(Section):
    """`[callback]`: where results go, and how they are signed."""

    url: HttpUrl | None = None
    secrets: Annotated[tuple[WebhookSecret, ...], Field(repr=False)] = ()
    allowed_hosts: tuple[str, ...] = ()
    allow_private_networks: bool = False

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.url is not None and not self.secrets:
            raise ValueError("secrets is required with url: results are never sent unsigned")
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
    approval_ttl: Duration = Field(default="7d", validate_default=True)
    grace_period: Duration = Field(default="0s", validate_default=True)
    eligibility_window: Duration = Field(default="24h", validate_default=True)
    max_event_age: Duration = Field(default="7d", validate_default=True)
    max_deletions_per_day: Annotated[int, Field(ge=1)] = 10
    export: bool = True
    export_dir: str = "exports"
    export_retention_days: Annotated[int, Field(ge=1)] = 90
    export_timeout: Duration = Field(default="6h", validate_default=True)
    export_max_bytes: Annotated[int, Field(ge=1)] = 20 * 1024**3
    export_zip_password: Annotated[str | None, Field(repr=False)] = None
    export_include_logs: bool = False
    verify_window: Duration = Field(default="6h", validate_default=True)
    resend_after: Duration = Field(default="10m", validate_default=True)

    @field_validator("required_tags", "blocking_tags")
    @classmethod
    def _hashtags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not tag.startswith("#") or len(tag) < 2 or any(char.isspace() for char in tag):
                raise ValueError(f'{tag!r} must be a #word, like "#keep"')
        return tags


class Operator(Section):
    """`[operators.<name>]`: a person or a program that may call the API."""

    token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    roles: tuple[Literal["request", "approve", "admin"], ...] = ()


class Schedule(Section):
    """`[schedules.<name>]`: a sweep for eligible organizations."""

    cron: str
    dry_run: bool = False


class WorkerSettings(Section):
    """`[worker]`: how long things may take before somebody else looks again."""

    lease: Duration = Field(default="2m", validate_default=True)
    requeue_after: Duration = Field(default="30s", validate_default=True)
    scheduler_interval: Duration = Field(default="1s", validate_default=True)
    max_attempts: Annotated[int, Field(ge=1)] = 8


class Settings(BaseSettings):
    """The whole file. See the README's configuration section for each key's meaning."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    redis_url: Annotated[str | None, Field(repr=False)] = None
    public_url: HttpUrl = "http://127.0.0.1:8000"
    secret_keys: Annotated[tuple[str, ...], Field(repr=False)] = ()
    durability: Literal["everysec", "fsync"] = "everysec"
    spool_dir: str = ""
    retention_days: Annotated[int, Field(ge=1)] = 400
    itglue: ITGlueSettings
    callback: CallbackSettings = CallbackSettings()
    policy: PolicySettings = PolicySettings()
    operators: Mapping[str, Operator] = Field(default_factory=dict)
    sources: Mapping[str, Source] = Field(default_factory=dict)
    schedules: Mapping[str, Schedule] = Field(default_factory=dict)
    worker: WorkerSettings = WorkerSettings()

    @field_validator("sources", "operators", "schedules")
    @classmethod
    def _names(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in table:
            if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
                raise ValueError(f"{name!r}: a name has only letters, digits, - and _")
        return table

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


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    named = environment.get(f"{_PREFIX}CONFIG")
    path = Path(named or "unglue.toml")
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"UNGLUE_CONFIG names {path}, which does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def _with_secret_files(environment: Mapping[str, str]) -> dict[str, str]:
    values = dict(environment)
    for name, path in environment.items():
        if name.startswith(_PREFIX) and name.endswith("_FILE"):
            try:
                content = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{name} cannot be read: {error}") from None
            del values[name]
            values[name.removesuffix("_FILE")] = content
    return values


def _decoded(value: Any) -> Any:  # noqa: ANN401 - raw input
    """Lists and tables below a free name arrive as the text of their JSON."""
    if isinstance(value, Mapping):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(known, value) if both else value  # type: ignore[arg-type]
    return result


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this installation.

    Raises:
        ConfigurationError: naming each field that is wrong, what is wrong, and nothing secret.
    """
    environment = os.environ if environment is None else environment
    source = EnvSettingsSource(Settings)
    source.env_vars = {
        name.lower(): value for name, value in _with_secret_files(environment).items()
    }
    try:
        return Settings(**_merged(_from_file(environment), _decoded(source())))
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'unglue.toml'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigurationError("\n".join(lines)) from None
