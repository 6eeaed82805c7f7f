"""What IT Glue says, as frozen values. Facts: https://api.itglue.com/developer (2025-08-18)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """One organization, as far as a deletion depends on it.

    Foreign keys arrive as numbers or strings and are strings here. `status` and `type` are the
    account's own names. `psa_ids` holds the `remote-id` of every linked adapters resource, and is
    `None` where the answer did not say (no `include`). `psa_types` names the integration of each of
    them, "" where IT Glue does not. `unstated` are those of the documented attributes that may
    protect it which the answer lacks, and does not have as null.
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
    psa_types: tuple[str, ...] = ()
    attachments: int | None = None
    unstated: tuple[str, ...] = ()

    def subject(self) -> dict[str, Any]:
        """What tells it from others, as JSON values."""
        links = None if self.psa_ids is None else sorted(self.psa_ids)
        return {"id": self.id, "name": self.name, "created_at": self.created_at, "psa_ids": links}

    def linked_to(
        self, integration_type: str, company_id: str, read: Callable[[str], str] = str
    ) -> bool:
        """Whether a link to this company is stated, and none says that it is another PSA's.

        `read` is how a number is read before it is compared.
        """
        types = self.psa_types or ("",) * len(self.psa_ids or ())
        return any(
            read(link) == read(company_id) and kind in {"", integration_type}
            for link, kind in zip(self.psa_ids or (), types, strict=True)
        )


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
class AccountView:
    """The account as a list of all its organizations showed it.

    `primary`: id of its own organization, `None` where the list did not show exactly one.
    `witnesses`: ids of organizations that stay, the primary one first. `base_url` is normalised,
    and "" where nobody said it.
    """

    primary: str | None
    total: int
    witnesses: tuple[str, ...]
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many records of each kind hang on an organization.

    A kind that could not be counted is `None`, never 0, and has a warning.
    `sub_organizations` are the ids of every organization below it. `account` is what the same list
    showed of the whole account, `None` if it could not be read.
    """

    counts: Mapping[str, int | None] = field(default_factory=lambda: MappingProxyType({}))
    sub_organizations: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    account: AccountView | None = None


@dataclass(frozen=True, slots=True)
class ChangeAnswer:
    """What came back from a DELETE, or a change of status.

    `accepted`: 200, naming exactly the id (and the status) sent. `refused`: IT Glue said no and did
    nothing; `status` and `detail` say why. `unknown`: a time-out, a dropped connection, a 5xx or an
    answer that names something else: only reading can tell what happened. `others` are other
    organizations that a 200 names.
    """

    outcome: Literal["accepted", "refused", "unknown"]
    status: int | None = None
    detail: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an organization still exists, with the evidence.

    `gone` needs answers that agree: 404 by id, an empty filtered list, a control read that
    succeeds, and the witnesses of the plan, so that a wrong key, another account, a lost right or
    an outage cannot look like success. `key_refused`: even the control was refused, so this look
    shows nothing. `primary`: id of the account's own organization, where this look showed it.
    """

    state: Literal["gone", "visible", "unclear"]
    evidence: str
    organization: Organization | None = None
    key_refused: bool = False
    primary: str | None = None


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
    """A file as it lies on disk: bytes, SHA-256 in hex, and what its members showed.

    `kinds` of records have a member of their own; of `others` the name tells none; the members of
    the `hollow` hold nothing.
    """

    size: int
    sha256: str
    kinds: tuple[str, ...] = ()
    others: int = 0
    warnings: tuple[str, ...] = ()
    hollow: tuple[str, ...] = ()
