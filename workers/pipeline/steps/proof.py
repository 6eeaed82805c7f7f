"""Proof: look from the same point of view as the plan did whether an organization is gone."""

from workers.itglue.contents.inventory import LISTED
from workers.itglue.models import Presence
from workers.ledger.records import Deletion
from workers.pipeline.steps.outcome import Context


async def look(deletion: Deletion, context: Context) -> Presence:
    """Whether it is still there. Raises AccountChanged."""
    plan, intent = deletion.plan, deletion.intent
    counts = plan.counts if plan is not None else {}
    # A kind that was there before and still is shows an organization that was hidden.
    held = next((resource for kind, resource in LISTED.items() if counts.get(kind)), None)
    # Read before IT Glue is, so that what is deleted in between makes the account look too small,
    # and never the proof too easy.
    account = context.ledger.account
    ours = await account.removed(intent.seen_at or intent.at or deletion.created_at)
    seen = await context.itglue.presence(intent.org_id, intent.account, ours, held)
    await account.recognise(seen.primary, context.clock())
    return seen
