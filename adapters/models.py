"""The canonical input: what a deletion is asked for, and what a sender's event means."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    Field,
    model_validator,
)

# The types IT Glue documents for `filter[psa_integration_type]` on organizations.
PsaIntegration = Literal["manage", "autotask", "tigerpaw", "kaseya-bms", "pulseway-psa", "vorex"]

_ORG_ID = re.compile(r"[1-9][0-9]{0,18}")


def _org_id(value: str) -> str:
    if not _ORG_ID.fullmatch(value):
        raise ValueError("must be an IT Glue organization id: 1 to 19 digits, no leading zero")
    return value


def _printable(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if value.isascii() and value.isprintable():
        return value
    # Cc and Cs would let a name look like another one in a log line or on an approval page.
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in value):
        raise ValueError("must not contain control characters")
    return value


def _http_url(value: object) -> object:
    return str(AnyHttpUrl(value)) if isinstance(value, str) else value


OrgId = Annotated[str, AfterValidator(_org_id)]
OrgName = Annotated[str, Field(max_length=255), AfterValidator(_printable)]
HttpUrl = Annotated[str, Field(max_length=2000), BeforeValidator(_http_url)]


class Strict(BaseModel, strict=True, extra="forbid", frozen=True):
    """A frozen value whose input must be exactly of the declared types, with no unknown field."""


class PsaLink(Strict):
    """A client's id in its PSA, as IT Glue's adapters know it.

    `deleted`: its event said that it is gone from the PSA, and not only inactive there.
    """

    integration_type: PsaIntegration
    company_id: Annotated[str, Field(min_length=1, max_length=64)]
    deleted: Literal[True] | None = None


class DeletionRequest(Strict):
    """The canonical input of a deletion, and the body of `POST /v1/deletions`.

    At least one of `org_id`, `org_name` and `psa` is given; `psa` is set by adapters only.
    """

    org_id: OrgId | None = None
    org_name: OrgName | None = None
    confirm_delete: bool = False
    dry_run: bool = False
    force_delete: bool = False
    reason: Annotated[str, Field(max_length=2000)] | None = None
    callback_url: HttpUrl | None = None
    psa: PsaLink | None = None

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if self.org_id is None and self.org_name is None and self.psa is None:
            raise ValueError("org_id or org_name is required")
        return self

    def plain(self) -> dict[str, Any]:
        """The request as JSON values, for the ledger and for answers."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a delivery, as its adapter understands it.

    `event_id` is unique per source (the vendor's message id, or a hash of the content). `content`
    is the SHA-256 of what makes it the same event when it comes again: the same id with another
    content is another event.
    `occurred_at` is the event time that the sender signed, `None` where it signs none.
    `sequence` is the sender's own gapless counter as (name of the counter, number), where it
    has one. `alert` asks for an operator's attention, whatever becomes of the event.
    """

    event_id: str
    content: str = field(default="", compare=False)
    occurred_at: datetime | None = None
    sequence: tuple[str, int] | None = None
    alert: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Event):
    """The client became inactive: its organization is to be deleted.

    `client` names the client inside its source, the same for every event about it; `also` holds the
    other identities that the event states, less certain ones last.
    """

    client: str
    also: tuple[str, ...] = ()
    request: DeletionRequest
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactivated(Event):
    """The client is active (again): nothing of it may be deleted, under none of its identities.

    `name` is the client's name, if it can be read.
    """

    client: str
    also: tuple[str, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored(Event):
    """Genuine, understood, and of no concern; `reason` is a code, never vendor text."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Event):
    """Genuine and not understood: kept, and replayable once the adapter understands it.

    `reason` is a code; `detail` may quote the vendor and is escaped wherever it is shown. It may
    have said that a client is active, so it holds the deletions of `clients`, or of the whole
    source if none can be read, until a person replays or dismisses it. `holds` is false where it
    is plainly about something else.
    """

    reason: str
    detail: str = ""
    clients: tuple[str, ...] = ()
    holds: bool = True


Verdict = Request | Reactivated | Ignored | Rejected
