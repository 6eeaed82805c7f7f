"""`[sources.<name>]` with `vendor = "halopsa"`."""

import base64
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    model_validator,
)

from adapters.contract import CatchingSource
from adapters.origin import secure_origin
from adapters.pointer import Pointer
from adapters.shared_header import Credential, HeaderName, SharedSecrets, refuse_confirmation

_AUTHORIZATION = "authorization"


class HaloPSAPointers(BaseModel, extra="forbid", frozen=True):
    """Where an event keeps what is read; the body is written by whoever sets up the webhook."""

    client_id: Pointer = "/client_id"
    client_name: Pointer = "/client_name"
    inactive: Pointer = "/inactive"
    occurred_at: Pointer = "/occurred_at"
    # A value that is not unique would make every event after the first a duplicate, so none is
    # assumed.
    event_id: Pointer | None = None


class HaloPSAApi(BaseModel, extra="forbid", frozen=True):
    """An API application of HaloPSA (client id and secret, services), and where the tenant is.

    `tenant` is its name where HaloPSA hosts several at one address.
    """

    client_id: Credential
    client_secret: Annotated[Credential, Field(repr=False)]
    base_url: Annotated[str, AfterValidator(secure_origin)]
    tenant: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")] | None = None


class HaloPSAConfig(CatchingSource):
    """One HaloPSA webhook.

    `auth` is the webhook's authentication type: `basic` (user name and password), `bearer` (a
    token) or `header` (any header, its whole value). `secrets` are the passwords, tokens or values.
    """

    auth: Literal["basic", "bearer", "header"]
    username: Annotated[str, StringConstraints(pattern=r"^[!-9;-~]{1,100}$")] | None = None
    header: HeaderName = _AUTHORIZATION
    secrets: SharedSecrets
    pointers: HaloPSAPointers = HaloPSAPointers()
    api: HaloPSAApi | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.auth == "basic") != (self.username is not None):
            raise ValueError('username belongs to auth = "basic", which needs it')
        if self.auth != "header" and self.header != _AUTHORIZATION:
            raise ValueError('header belongs to auth = "header"')
        if self.confirm_delete:
            refuse_confirmation("HaloPSA")
        return self

    @property
    def dated(self) -> bool:
        """No time of a change of a client is documented."""
        return False

    @property
    def values(self) -> tuple[str, ...]:
        """What the header may say, newest secret first."""
        match self.auth:
            case "basic":
                pairs = (f"{self.username}:{secret}".encode() for secret in self.secrets)
                return tuple("Basic " + base64.b64encode(pair).decode() for pair in pairs)
            case "bearer":
                return tuple(f"Bearer {secret}" for secret in self.secrets)
            case "header":
                return self.secrets
