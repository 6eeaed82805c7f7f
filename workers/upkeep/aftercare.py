"""Days after a deletion: has the PSA's sync created the organization anew, or is it gone by now?

If it came back, the client's PSA record still syncs, and a person has to stop that; if IT Glue
shows the same one again, its result is wrong, and a person hears of it. One whose
deletion ended without proof is looked for daily for a week, and its result corrected if it is gone.
Unglue deletes nothing here.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from workers.itglue.contents.together import both
from workers.itglue.models import Organization
from workers.ledger.installation.account import AccountChanged
from workers.ledger.records import Deletion
from workers.pipeline.states import FAILED
from workers.pipeline.steps.outcome import Context
from workers.pipeline.steps.proof import look
from workers.times.clock import moment

_DAY: Final = timedelta(days=1)
_LOOKED_FOR: Final = timedelta(days=7)

log = structlog.get_logger()


def recreated(found: tuple[Organization, ...], deletion: Deletion) -> tuple[Organization, ...]:
    """Those that appeared after the call (pure); one of the name was there before."""
    return tuple(
        organization
        for organization in found
        if organization.id != deletion.intent.org_id and _is_new(organization, deletion.intent.at)
    )


def _is_new(organization: Organization, sent_at: datetime | None) -> bool:
    created_at = moment(organization.created_at)
    return sent_at is None or created_at is None or created_at > sent_at


async def look_back(deletion_id: str, context: Context) -> None:
    """Look once, and write down what was seen. An error leaves it due. Raises ITGlueError."""
    deletion = await context.ledger.deletions.get(deletion_id)
    if deletion.state == FAILED and deletion.intent.unsettled:
        await _look_again(deletion, context)
        return
    if deletion.plan is None:
        return
    if await context.itglue.organization(deletion.intent.org_id) is not None:
        await _shown_again(deletion, context)
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
            "cause": "the PSA's sync creates it again while its record has a syncing type and "
            "status; make the company inactive in the PSA, then delete the new organization",
        }
        log.error("recreated", deletion_id=deletion_id, org_ids=ids)
    await context.ledger.deletions.looked_back(deletion_id, line, context.clock(), recreated=ids)


async def _shown_again(deletion: Deletion, context: Context) -> None:
    """The same one is there: IT Glue took it back, or what was seen then was not so."""
    ids = [deletion.intent.org_id]
    log.error("shown_again", deletion_id=deletion.id, org_ids=ids)
    line = {"entry": "shown_again", "org_ids": ids}
    await context.ledger.deletions.looked_back(deletion.id, line, context.clock(), shown_again=ids)


async def _look_again(deletion: Deletion, context: Context) -> None:
    """Look once more for what a call did that ended without proof."""
    deletions = context.ledger.deletions
    try:
        seen = await look(deletion, context)
    except AccountChanged as error:
        await deletions.look_later(
            deletion.id,
            {"entry": "looked_later", "state": "unclear", "evidence": error.message},
            context.clock() + _DAY,
            context.clock(),
        )
        return
    now = context.clock()
    line = {"entry": "looked_later", "state": seen.state, "evidence": seen.evidence}
    if seen.state == "gone":
        await deletions.proved_later(deletion.id, {**line, "entry": "proved_later"}, now)
        log.warning("proved_later", deletion_id=deletion.id)
    # A look that the key's refusal spoiled is not the last one.
    elif seen.key_refused or now + _DAY <= (deletion.finished_at or now) + _LOOKED_FOR:
        await deletions.look_later(deletion.id, line, now + _DAY, now)
    else:
        await deletions.looked_back(deletion.id, line, now)
