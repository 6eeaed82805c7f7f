"""`[sources.<name>]` with `vendor = "autotask"`."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from adapters.contract import SourceConfig
from adapters.models import PsaIntegration


def _guid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("must be the WebhookGUID that Autotask gave the webhook") from None


# Autotask keeps at most 64 characters; fewer than 16 can be guessed.
Secret = Annotated[str, StringConstraints(min_length=16, max_length=64)]
FieldName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class AutotaskConfig(SourceConfig):
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
