"""`[sources.<name>]` with `vendor = "ninjaone"`."""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from adapters.contract import CatchingSource
from adapters.origin import secure_origin
from adapters.pointer import Pointer
from adapters.shared_header import (
    Credential,
    HeaderName,
    SharedSecret,
    SharedSecrets,
    refuse_confirmation,
)


class InactiveWhen(BaseModel, extra="forbid", frozen=True):
    """A convention for "inactive", which NinjaOne has no flag for.

    `pointer` names a value of a CLIENT_UPDATED activity; one of `equals` means inactive, anything
    else active.
    """

    pointer: Pointer
    equals: Annotated[tuple[StrictBool | StrictInt | StrictStr, ...], Field(min_length=1)]


class NinjaOnePointers(BaseModel, extra="forbid", frozen=True):
    """Where an activity keeps the organization; without one, every place ever seen is tried."""

    organization_id: Pointer | None = None
    organization_name: Pointer | None = None


class NinjaOneApi(BaseModel, extra="forbid", frozen=True):
    """An API client of NinjaOne (client credentials), and the host of one's own region.

    `activity_type` is what the webhook is set for, and `activity_class` which log is read for what
    it did not say: where NinjaOne keeps CLIENT_* is documented nowhere.
    """

    client_id: Credential
    client_secret: Annotated[Credential, Field(repr=False)]
    base_url: Annotated[str, AfterValidator(secure_origin)] = "https://app.ninjarmm.com"
    activity_type: Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{0,99}$")] = "SYSTEM"
    activity_class: Literal["SYSTEM", "DEVICE", "USER", "ALL"] = "SYSTEM"


class NinjaOneConfig(CatchingSource):
    """One NinjaOne API client's webhook.

    `secrets` are whole values of the header, like "Bearer …". `hmac_header` is for a sender or
    gateway that signs: the hexadecimal HMAC-SHA256 of the body. `name_template` finds the name in
    the activity's subject or message, like "Organization '{name}' deleted".
    """

    header: HeaderName = "authorization"
    secrets: SharedSecrets
    hmac_header: HeaderName | None = None
    hmac_secrets: Annotated[tuple[SharedSecret, ...], Field(max_length=10, repr=False)] = ()
    inactive_when: InactiveWhen | None = None
    name_template: Annotated[StrictStr, Field(max_length=200)] | None = None
    pointers: NinjaOnePointers = NinjaOnePointers()
    api: NinjaOneApi | None = None

    @property
    def asks(self) -> bool:
        """Whether NinjaOne is asked: it says only whether an organization was deleted."""
        return super().asks and self.inactive_when is None

    @property
    def dated(self) -> bool:
        """Its activities have times, and its organizations none."""
        return False

    @property
    def deletes_only(self) -> bool:
        """An event that asks for a deletion says that the organization is gone there."""
        return True

    @field_validator("name_template")
    @classmethod
    def _has_one_name(cls, template: str | None) -> str | None:
        if template is not None and (template.count("{name}") != 1 or template == "{name}"):
            raise ValueError("must be the whole text with {name} once, and more than that")
        return template

    @model_validator(mode="after")
    def _confirms_only_what_is_signed(self) -> Self:
        if (self.hmac_header is None) != (not self.hmac_secrets):
            raise ValueError("hmac_header and hmac_secrets belong together")
        if self.confirm_delete and self.hmac_header is None:
            refuse_confirmation("NinjaOne")
        return self
