"""`unglue.toml`: everything an installation decides, checked before anything starts.

The file named in `UNGLUE_CONFIG` (default `unglue.toml` in the working directory, if it is there)
is overridden by the environment: prefix `UNGLUE_`, nesting `__`. A variable that ends in `_FILE`
names a file that holds the value, for secrets that are mounted.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.contract import SourceConfig
from adapters.errors import ConfigurationError
from adapters.models import HttpUrl, PsaIntegration
from adapters.registry import VENDORS
from workers.network.redis_url import asks_sentinels, require_redis_url, speaks_tls
from workers.settings.destinations import CallbackSettings, HeartbeatSettings, Notification
from workers.settings.itglue import ITGlueSettings
from workers.settings.operators import (
    LoginSettings,
    Network,
    OidcSettings,
    Operator,
    private_or_https,
)
from workers.settings.policy import PolicySettings
from workers.settings.reading import PREFIX, from_environment, from_file, merged, no_file
from workers.settings.schedules import Schedule, unusable
from workers.settings.secrecy import sample_secret, samples_in, shared_secret, weak_secret
from workers.settings.section import Section
from workers.settings.spelling import meant
from workers.settings.wrong_input import faults
from workers.times.durations import SomeDuration

# One beat may be late, and others be lost on their way: the lease is its worker's all the same.
_BEATS_A_LEASE: Final = 5
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_:-]{0,98}:", re.ASCII)


def _redis_prefix(value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise ValueError(
            'must be letters, digits, -, _ and :, with a : at the end, like "unglue-staging:"'
        )
    return value


def _source(value: object, vendors: Mapping[str, Any]) -> object:
    if not isinstance(value, Mapping):
        return value
    vendor = str(value.get("vendor"))
    if vendor not in vendors:
        raise ValueError(f"vendor must be one of: {', '.join(sorted(vendors))}")
    return vendors[vendor].config.model_validate(value)


Source = Annotated[SerializeAsAny[SourceConfig], BeforeValidator(partial(_source, vendors=VENDORS))]


RedisUrl = Annotated[str, AfterValidator(require_redis_url)]


class WorkerSettings(Section):
    """`[worker]`: how long things may take before somebody else looks again."""

    lease: SomeDuration = Field(default="14s", validate_default=True)
    requeue_after: SomeDuration = Field(default="30s", validate_default=True)
    scheduler_interval: SomeDuration = Field(default="1s", validate_default=True)
    max_attempts: Annotated[int, Field(ge=1)] = 8
    concurrency: Annotated[int, Field(ge=1, le=32)] = 4
    pulse: str = ""

    @property
    def beat(self) -> timedelta:
        """How often a lease is renewed."""
        return self.lease / _BEATS_A_LEASE


class AuditSettings(Section):
    """`[audit]`: where the audit log goes beside Redis, and how much of it Redis keeps."""

    file: str = ""
    keep_entries: Annotated[int, Field(ge=1000)] = 200_000


class MetricsSettings(Section):
    """`[metrics]`: who may read `/metrics` without an operator's token."""

    access: Literal["operators", "loopback", "everybody"] = "operators"


class TracesSettings(Section):
    """`[traces]`: where spans are sent by OTLP over HTTP; "" for nowhere."""

    endpoint: HttpUrl | Literal[""] = ""


class Settings(BaseSettings):
    """The whole file. See docs/configuration.md for each key's meaning."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    redis_url: RedisUrl | None = Field(default=None, repr=False)
    dashboard_redis_url: RedisUrl | None = Field(default=None, repr=False)
    redis_ca: str = ""
    redis_prefix: Annotated[str, AfterValidator(_redis_prefix)] = "unglue:"
    public_url: Annotated[HttpUrl, AfterValidator(private_or_https)] = "http://127.0.0.1:8000"
    secret_keys: Annotated[tuple[str, ...], Field(repr=False)] = ()
    durability: Literal["everysec", "fsync"] = "everysec"
    min_replicas: Annotated[int, Field(ge=0)] | None = None
    spool_dir: str = ""
    state_dir: str = ""
    spool_max_bytes: Annotated[int, Field(ge=1)] = 64 * 1024**2
    retention_days: Annotated[int, Field(ge=1)] = 400
    trusted_proxies: tuple[Network, ...] = ()
    itglue: ITGlueSettings
    callback: CallbackSettings = CallbackSettings()
    policy: PolicySettings = PolicySettings()
    notifications: Mapping[str, Notification] = Field(default_factory=dict)
    operators: Mapping[str, Operator] = Field(default_factory=dict)
    login: LoginSettings = LoginSettings()
    oidc: OidcSettings = OidcSettings()
    sources: Mapping[str, Source] = Field(default_factory=dict)
    schedules: Mapping[str, Schedule] = Field(default_factory=dict)
    worker: WorkerSettings = WorkerSettings()
    audit: AuditSettings = AuditSettings()
    metrics: MetricsSettings = MetricsSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    traces: TracesSettings = TracesSettings()

    @property
    def replicas(self) -> int:
        """How many replicas must have what is answered: one where a fail-over is expected."""
        if self.min_replicas is not None:
            return self.min_replicas
        return 1 if asks_sentinels(self.redis_url or "") else 0

    @model_validator(mode="after")
    def _authority_is_asked_for(self) -> Self:
        urls = (self.redis_url or "", self.dashboard_redis_url or "")
        if self.redis_ca and not any(speaks_tls(url) for url in urls):
            raise ValueError("redis_ca is of no use without rediss:// in redis_url")
        return self

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

    @field_validator("sources")
    @classmethod
    def _integrations_differ(cls, table: Mapping[str, SourceConfig]) -> Mapping[str, SourceConfig]:
        """A link in IT Glue holds a number and not whose it is."""
        kinds = Counter(source.integration_type for source in table.values())
        told: dict[tuple[str, str], str] = {}
        for name, source in table.items():
            kind, own = source.integration_type, source.itglue_integration
            if kind is None or kinds[kind] == 1:
                continue
            if own is None:
                raise ValueError(
                    f"{name}: several sources are of the integration {kind}, and a number of one "
                    "may be another client's number in the other; say in each of them which "
                    'integration of IT Glue it is: itglue_integration = "…" (each of its deletions '
                    "then needs a name and an approval)"
                )
            other = told.setdefault((kind, own), name)
            if other != name:
                raise ValueError(f"{other} and {name} are the same itglue_integration {own!r}")
        return table

    @field_validator("operators")
    @classmethod
    def _tokens_differ(cls, table: Mapping[str, Operator]) -> Mapping[str, Operator]:
        owners: dict[tuple[str, str], str] = {}
        for name, operator in table.items():
            known = {"token": operator.token_sha256, "sign_on": operator.sign_on.casefold()}
            # Who asked must not approve under the same name in another case.
            known["name but for its case"] = name.casefold()
            for what, value in known.items():
                other = owners.setdefault((what, value), name) if value else name
                if other != name:
                    raise ValueError(
                        f"{other} and {name} have the same {what}: who acts would be a guess"
                    )
        return table

    @model_validator(mode="after")
    def _people_can_sign_on(self) -> Self:
        named = {"login.header": self.login.header, "oidc.issuer": self.oidc.issuer}
        for setting, value in named.items():
            if value and not self.secret_keys:
                raise ValueError(f"{setting} needs secret_keys: sessions are signed with them")
        signs_on = any(operator.sign_on for operator in self.operators.values())
        if self.login.header and not signs_on:
            raise ValueError("login.header: no operator has sign_on, so it would let nobody in")
        if self.oidc.issuer and not (signs_on or self.oidc.roles):
            raise ValueError(
                "oidc.issuer: no operator has sign_on and there is no roles_claim, so it would "
                "let nobody in"
            )
        return self

    @model_validator(mode="after")
    def _schedules_select(self) -> Self:
        for name, schedule in self.schedules.items():
            problem = unusable(schedule, self.policy, self.sources)
            if problem:
                raise ValueError(f"schedules.{name}: {problem}")
            if schedule.callback_url is not None:
                try:
                    CallbackSettings(**{**self.callback.model_dump(), "url": schedule.callback_url})
                except ValidationError as error:
                    why = error.errors()[0]["msg"].removeprefix("Value error, ")
                    raise ValueError(f"schedules.{name}.callback_url: {why}") from None
        return self

    @property
    def sweeps(self) -> Mapping[str, Schedule]:
        """The schedules that look for organizations."""
        return {name: each for name, each in self.schedules.items() if each.kind == "sweep"}

    @property
    def psa_sources(self) -> Mapping[str, PsaIntegration]:
        """The sources whose companies IT Glue links by number, each with its integration type."""
        kinds = {name: source.integration_type for name, source in self.sources.items()}
        return {name: kind for name, kind in kinds.items() if kind is not None}

    @model_validator(mode="after")
    def _secrets_protect(self) -> Self:
        tables = self._tables()
        problem = (
            weak_secret(tables)
            or shared_secret(tables)
            or sample_secret(self.itglue.base_url, tables)
        )
        if problem:
            raise ValueError(problem)
        return self

    @property
    def samples(self) -> tuple[str, ...]:
        """The settings whose secret is the README's, which everybody knows."""
        return tuple(samples_in(self._tables()))

    def _tables(self) -> dict[str, BaseModel]:
        """Every table that may hold a secret, by its name; "" is the top of the file."""
        tables: dict[str, BaseModel] = {"": self}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, BaseModel):
                tables[name] = value
            elif isinstance(value, Mapping):
                tables |= {f"{name}.{key}": each for key, each in value.items()}
        return tables

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
    """The settings of this installation. Raises ConfigurationError."""
    environment = os.environ if environment is None else environment
    tables = merged(from_file(environment), from_environment(Settings, environment))
    try:
        return Settings(**tables)
    except ValidationError as error:
        lines = [*faults(error, whole="unglue.toml", meant=partial(meant, Settings))]
        if not tables.get("itglue") and no_file(environment):
            lines.append("no unglue.toml is here: unglue init makes one, or set UNGLUE_CONFIG")
        raise ConfigurationError("\n".join(lines)) from None
