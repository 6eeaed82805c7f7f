"""What every vendor's adapter fulfils: a pure function of configuration, headers, bytes, key, time.

The order of calls is fixed: `key_url` (only for vendors that hold the key themselves), `verify`,
`read`. `read` is never called on bytes that `verify` did not accept.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol, Self

from pydantic import BaseModel, Field, model_validator

from adapters.durations import Duration
from adapters.headers import Headers
from adapters.models import PsaIntegration, Verdict

# What proves a delivery and whom to ask, which says nothing of what an event means.
_PROVES: Final = {
    "secrets", "hmac_secrets", "hmac_header", "header", "auth", "username", "key_origin", "api",
    "ask_source", "catch_up",
}  # fmt: skip


class SourceConfig(BaseModel, extra="forbid", frozen=True):
    """One configured sender. Vendors add their own fields; an unknown field is an error.

    `approval` is asked instead of the policy's, `grace_period` may only lengthen the policy's.
    `silence_days` without a genuine delivery are an alarm; 0 means that silence is normal. Of its
    deletions, what is more than `max_deletions_per_day` is held for a person. Where two sources
    have one `integration_type` (by which IT Glue's links to a PSA are known), `itglue_integration`
    tells which of IT Glue's integrations each of them is.
    """

    integration_type: ClassVar[PsaIntegration | None] = None

    vendor: str
    confirm_delete: bool = False
    approval: Literal["always", "webhooks", "never"] | None = None
    grace_period: Duration = Field(default="0s", validate_default=True)
    silence_days: Annotated[int, Field(ge=0)] = 7
    max_deletions_per_day: Annotated[int, Field(ge=1)] | None = None
    itglue_integration: Annotated[str, Field(min_length=1, max_length=100)] | None = None

    @cached_property
    def meaning(self) -> str:
        """A digest of all by which its events are read: whose they are, and what is inactive."""
        judged_apart = _PROVES | SourceConfig.model_fields.keys()
        content = self.model_dump_json(exclude=judged_apart, exclude_defaults=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def may_confirm(self) -> bool:
        """Whether a confirmation that came with an event of this source is believed."""
        return self.confirm_delete

    @property
    def asks(self) -> bool:
        """Whether the sender's own API is asked about a client before anything is deleted."""
        return False

    @property
    def catches_up(self) -> bool:
        """Whether the sender's own API is asked for what its events did not say."""
        return False

    @property
    def dated(self) -> bool:
        """Whether the sender's own API says when a client was changed."""
        return True

    @property
    def deletes_only(self) -> bool:
        """Whether its events know no inactive client, but only one that is gone."""
        return False


class AskableSource(SourceConfig):
    """A sender whose API can be asked: `api` holds the credentials.

    `ask_source` is true where there are some; false believes its events alone.
    """

    ask_source: bool | None = None
    api: BaseModel | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.ask_source and self.api is None:
            raise ValueError("ask_source needs the credentials of the vendor's API, in api")
        return self

    @property
    def asks(self) -> bool:
        """Whether the vendor's API is asked about a client before anything is deleted."""
        return self.api is not None and self.ask_source is not False


class CatchingSource(AskableSource):
    """A sender whose API says what changed: events that never came are made up for.

    `catch_up = false` believes that all of them come.
    """

    catch_up: bool = True

    @property
    def catches_up(self) -> bool:
        """Whether the vendor's API is asked for what its events did not say."""
        return self.asks and self.catch_up


@dataclass(frozen=True, slots=True)
class Sender:
    """How a vendor delivers, as data (sources: each vendor's README).

    `retry_status` is the status that makes this vendor send the event again, used only when an
    event could not be made durable. `timeout_seconds` is how long it waits for an answer and
    `retry_after_seconds` the delays of its own retries, both empty where unknown.
    """

    retry_status: int = 503
    timeout_seconds: float | None = None
    retry_after_seconds: tuple[float, ...] = ()


class Adapter(Protocol):
    """One vendor."""

    vendor: ClassVar[str]
    config: ClassVar[type[SourceConfig]]
    sender: ClassVar[Sender]

    def key_url(self, config: Any, headers: Headers, body: bytes) -> str | None:  # noqa: ANN401 - each vendor narrows it to its own configuration
        """Where the signing key of this delivery is kept, or `None` if the source holds it.

        Nothing in the body is trusted yet: the URL is returned only if it lies on the configured
        host and path. Raises SignatureInvalid: no key can make this delivery genuine.
        """

    def verify(
        self,
        config: Any,  # noqa: ANN401 - as above
        headers: Headers,
        body: bytes,
        key: str | None,
        now: datetime,
    ) -> None:
        """Prove that the configured sender sent exactly these bytes. Raises SignatureInvalid."""

    def read(
        self,
        config: Any,  # noqa: ANN401 - as above
        headers: Headers,
        body: bytes,
        now: datetime,
    ) -> tuple[Verdict, ...]:
        """What a verified delivery means: at least one verdict, never an exception."""

    def sign(
        self,
        config: Any,  # noqa: ANN401 - as above
        body: bytes,
        key: str | None,
        event_id: str,
        now: datetime,
    ) -> dict[str, str]:
        """The headers with which this vendor would send the body: for rehearsals and tests."""

    def rehearse(
        self,
        config: Any,  # noqa: ANN401 - as above
        body: bytes,
        event_id: str,
        now: datetime,
    ) -> bytes:
        """A recorded body as this source would send it now, with a new id. Raises ValueError."""


class HoldsSecrets:
    """A vendor whose sources hold what proves a delivery, so that no key is fetched."""

    def key_url(self, config: Any, headers: Headers, body: bytes) -> None:  # noqa: ANN401 - as above
        """Nowhere: the secrets are ours."""
        del config, headers, body
