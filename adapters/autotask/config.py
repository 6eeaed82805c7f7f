"""`[sources.<name>]` with `vendor = "autotask"`."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StrictInt, StringConstraints

from adapters.contract import CatchingSource
from adapters.models import PsaIntegration
from adapters.origin import secure_origin


def _guid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("must be the WebhookGUID that Autotask gave the webhook") from None


# Autotask keeps at most 64 characters; fewer than 16 can be guessed.
Secret = Annotated[str, StringConstraints(min_length=16, max_length=64)]
FieldName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


# Sent in a header, so nothing that a header cannot carry.
Credential = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]


class AutotaskApi(BaseModel, extra="forbid", frozen=True):
    """An API user of Autotask, and the tracking identifier of the integration.

    `base_url` is the server that knows in which zone the tenant is. `excluded_resources` are users
    whose own changes are to send nothing; they are registered with the webhook.
    """

    username: Credential
    secret: Annotated[Credential, Field(repr=False)]
    integration_code: Annotated[Credential, Field(repr=False)]
    base_url: Annotated[str, AfterValidator(secure_origin)] = "https://webservices.autotask.net"
    excluded_resources: tuple[Annotated[StrictInt, Field(gt=0)], ...] = ()


class AutotaskConfig(CatchingSource):
    """One webhook of one Autotask tenant.

    `webhook_guid` is Autotask's own id of the webhook, and binds its callouts to this source.
    `active_field` and `name_field` are the names under which a callout carries the company's
    activity and name, whatever their case.
    """

    integration_type: ClassVar[PsaIntegration | None] = "autotask"

    secrets: Annotated[tuple[Secret, ...], Field(min_length=1, max_length=10, repr=False)]
    webhook_guid: Annotated[str, AfterValidator(_guid)]
    active_field: FieldName = "isActive"
    name_field: FieldName = "companyName"
    api: AutotaskApi | None = None
