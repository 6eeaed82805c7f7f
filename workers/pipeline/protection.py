"""What protects an organization, seen while it is looked at, and kept from then on."""

from collections.abc import Collection
from datetime import datetime

from workers.itglue.models import Organization
from workers.ledger.deleting.protections import Protection, Protections
from workers.pipeline.identity.tags import is_tagged

# The tag is a person's word, so it counts whatever policy.blocking_tags says.
KEEP = "#keep"
BY_FILE = "policy.protected_ids"


async def protection_of(
    organization: Organization,
    protected_ids: Collection[str],
    protections: Protections,
    now: datetime,
) -> Protection | None:
    """The protection that holds; what the tag or the file says now is recorded, for ever."""
    if is_tagged(organization, KEEP):
        return await protections.protect(organization.id, now, how=f"tag {KEEP}")
    if organization.id in protected_ids:
        return await protections.protect(organization.id, now, how=BY_FILE)
    return await protections.get(organization.id)


async def record_file(
    protected_ids: Collection[str], protections: Protections, now: datetime
) -> None:
    """Record the ids of the file, so that they stay protected when they leave it."""
    for org_id in protected_ids:
        await protections.protect(org_id, now, how=BY_FILE)
