"""What IT Glue says, as frozen values. Facts: https://api.itglue.com/developer (2025-08-18)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """One organization, as far as a deletion depends on it.

    Foreign keys arrive as numbers or strings and are strings here. `status` and `type` are the
    account's own names. `psa_ids` holds the `remote-id` of every linked adapters resource, and is
    `None` where the answer did not say (no `include`).
    """

    id: str
    name: str
    status: str | None = None
    type: str | None = None
    primary: bool = False
    parent_id: str | None = None
    ancestor_ids: tuple[str, ...] = ()
    my_glue_account_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    short_name: str | None = None
    alert: str | None = None
    quick_notes: str | None = None
    description: str | None = None
    psa_ids: tuple[str, ...] | None = None
    attachments: int | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """Organizations found by a PSA link, each proved by its `remote-id`.

    IT Glue ignores filters it does not know and then returns everything. `filter_honoured` is
    false if that was noticed; the link then rests on the `remote-id` alone, which does not name
    the integration.
    """

    found: tuple[Organization, ...]
    filter_honoured: bool


# What is counted on an organization: the names of the counts, and of their limits.
KINDS = (
    "assets", "configs", "documents", "passwords", "contacts", "locations", "domains",
    "expirations", "checklists", "document_folders", "attachments", "sub_organizations",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many records of each kind hang on an organization.

    A kind that could not be counted is `None`, never 0, and has a warning.
    `sub_organizations` are the ids of every organization below it.
    """

    counts: Mapping[str, int | None] = field(default_factory=lambda: MappingProxyType({}))
    sub_organizations: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteAnswer:
    """What came back from a DELETE.

    `accepted`: 200, naming exactly the id sent. `refused`: IT Glue said no and did nothing;
    `status` and `detail` say why. `unknown`: a time-out, a dropped connection, a 5xx or an answer
    that names something else: only reading can tell what happened.
    """

    outcome: Literal["accepted", "refused", "unknown"]
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an organization still exists, with the evidence.

    `gone` needs three answers that agree: 404 by id, an empty filtered list, and a control read
    that succeeds, so that a wrong key, a wrong region or an outage cannot look like success.
    `key_refused`: even the control was refused, so this look shows nothing.
    """

    state: Literal["gone", "visible", "unclear"]
    evidence: str
    organization: Organization | None = None
    key_refused: bool = False


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """What came back from a change of status; the outcomes mean what they mean for a DELETE.

    `accepted`: 200, naming exactly the organization and the status sent.
    """

    outcome: Literal["accepted", "refused", "unknown"]
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export of one organization. It has no status: it is ready once it has a download URL.

    The URL opens a file that holds passwords, so it is kept out of `repr`.
    """

    id: str
    organization_id: str
    encrypted: bool = False
    download_url: str | None = field(default=None, repr=False)
    created_at: str | None = None


class Downloaded(NamedTuple):
    """A file as it lies on disk: bytes and SHA-256 in hex."""

    size: int
    sha256: str
