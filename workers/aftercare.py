"""A day after a deletion: has the PSA's sync created the organization anew?

Then the client's PSA record still syncs, and a person has to stop that; Unglue deletes nothing
here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from workers.clock import moment
from workers.itglue.models import Organization
from workers.itglue.together import both
from workers.ledger.records import Deletion
from workers.steps.outcome import Context

log = structlog.get_logger()


def recreated(found: tuple[Organization, ...], deletion: Deletion) -> tuple[Organization, ...]:
    """Those that appeared after the call: pure.

    One of the same name that was there before is another client's, or a duplicate.
    """
    return tuple(
        organization
        for organization in found
        if organization.id != deletion.intent.org_id and _is_new(organization, deletion.intent.at)
    )


def _is_new(organization: Organization, sent_at: datetime | None) -> bool:
    created_at = moment(organization.created_at)
    return sent_at is None or created_at is None or created_at > sent_at


async def look_back(deletion_id: str, context: Context) -> None:
    """Look once, and write down what was seen. An error leaves it due.

    Raises:
        ITGlueError: IT Glue did not answer.
    """
    deletion = await context.ledger.deletions.get(deletion_id)
    if deletion.plan is None:
        return
    organization = deletion.plan.organization
    if deletion.request.psa is None:
        found = await context.itglue.organizations_named(organization.name)
    else:
        named, linked = await both(
            context.itglue.organizations_named(organization.name),
            context.itglue.organizations_linked(deletion.request.psa),
        )
        found = (*named, *linked.found)
    new = recreated(found, deletion)
    line: Mapping[str, Any] = {"entry": "still_gone"}
    ids = sorted({each.id for each in new})
    if new:
        line = {
            "entry": "recreated",
            "org_ids": ids,
            "cause": "the PSA's sync creates it anew while its record has a syncing type and "
            "status; make the company inactive in the PSA, then delete the new organization",
        }
        log.error("recreated", deletion_id=deletion_id, org_ids=ids)
    await context.ledger.deletions.looked_back(deletion_id, line, context.clock(), recreated=ids)
