"""`[callback]`, `[notifications.<name>]`, `[heartbeat]`: what is sent where."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.models import HttpUrl
from adapters.standard.signature import Secret
from workers.network.addresses import AddressRefused, target
from workers.outbox.kinds import Kind
from workers.settings.section import Section


def _require_allowed(url: str, hosts: tuple[str, ...], *, private: bool) -> None:
    try:
        target(url, allowed_hosts=hosts, allow_private=private)
    except AddressRefused as error:
        raise ValueError(f"url: {error.message}") from None


Format = Literal["slack", "teams", "json"]


class CallbackSettings(Section):
    """`[callback]`: where results go, and how they are signed."""

    url: HttpUrl | None = None
    secrets: Annotated[tuple[Secret, ...], Field(repr=False)] = ()
    allowed_hosts: tuple[Annotated[str, StringConstraints(to_lower=True)], ...] = ()
    allow_private_networks: bool = False

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.url is None:
            return self
        if not self.secrets:
            raise ValueError("secrets is required with url: results are never sent unsigned")
        _require_allowed(self.url, self.allowed_hosts, private=self.allow_private_networks)
        return self


class Notification(Section):
    """`[notifications.<name>]`: where people are told what needs them. The URL is a secret.

    `kinds` empty: all of them.
    """

    url: Annotated[HttpUrl, Field(repr=False)]
    format: Format
    kinds: tuple[Kind, ...] = ()
    secrets: Annotated[tuple[Secret, ...], Field(repr=False)] = ()
    allow_private_networks: bool = False

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.secrets and self.format != "json":
            raise ValueError('secrets: only format = "json" is signed')
        _require_allowed(self.url, (), private=self.allow_private_networks)
        return self


class HeartbeatSettings(Section):
    """`[heartbeat]`: what is called every minute while all is well. The URL is a secret."""

    url: HttpUrl | None = Field(default=None, repr=False)
    allow_private_networks: bool = False

    @model_validator(mode="after")
    def _can_be_called(self) -> Self:
        if self.url is not None:
            _require_allowed(self.url, (), private=self.allow_private_networks)
        return self
