"""The shapes of a sandbox account: what a seed declares, and what the world is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Psa:
    """A link to a PSA company.

    A link that is not `synced` is orphaned: the company no longer syncs, so IT Glue lets go of
    the organization but remembers where it came from.
    """

    integration: str
    company_id: str
    synced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """How many records of each kind an organization holds.

    `flexible_assets` counts by type name, `documents` by folder path: `""` is the root and
    `"Runbooks/Network"` a folder in a folder.
    """

    flexible_assets: Mapping[str, int] = field(default_factory=dict)
    documents: Mapping[str, int] = field(default_factory=dict)
    configurations: int = 0
    archived_configurations: int = 0
    passwords: int = 0
    archived_passwords: int = 0
    contacts: int = 0
    locations: int = 0
    domains: int = 0
    checklists: int = 0
    attachments: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOrganization:
    """One organization of a seed.

    `status` and `type` are names; `idle_days` is the age of its newest activity, `None` for no
    activity at all.
    """

    id: int
    name: str
    status: str | None = "Active"
    type: str | None = "Customer"
    primary: bool = False
    parent: int | None = None
    psa: Psa | None = None
    my_glue_account: int | None = None
    alert: str | None = None
    quick_notes: str | None = None
    description: str | None = None
    short_name: str | None = None
    idle_days: int | None = None
    created_at: str = "2019-03-04T09:15:00.000Z"
    updated_at: str = "2025-11-03T14:20:00.000Z"
    holds: Holds = field(default_factory=Holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """An account as it starts. Statuses, types and asset types are id → name."""

    organizations: tuple[SeedOrganization, ...]
    statuses: Mapping[int, str]
    types: Mapping[int, str]
    flexible_asset_types: Mapping[int, str]


@dataclass(slots=True, kw_only=True)
class Organization:
    """A live organization. `removal_due` is set once it is marked for deletion."""

    id: int
    name: str
    status_id: int | None
    type_id: int | None
    primary: bool
    parent_id: int | None
    psa: Psa | None
    my_glue_account_id: int | None
    alert: str | None
    quick_notes: str | None
    description: str | None
    short_name: str | None
    created_at: str
    updated_at: str
    removal_due: float | None = None


@dataclass(slots=True)
class Record:
    """Anything an organization owns. `kind` is the JSON:API type, e.g. `flexible-assets`."""

    kind: str
    id: int
    organization_id: int
    attributes: JSON


@dataclass(slots=True, kw_only=True)
class Export:
    """An export. It has no status: it is ready once it has a download URL."""

    id: int
    organization_id: int | None
    organization_name: str | None
    include_logs: bool
    encrypted: bool
    content: bytes
    created_at: str
    ready_at: str
    ready_due: float


@dataclass(frozen=True, slots=True)
class Recreation:
    """What the PSA sync will bring back, and when."""

    due: float
    lost: Organization
