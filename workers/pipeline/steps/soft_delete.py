"""Soft delete: give the organization the inactive status instead of deleting it.

It goes through the same permission as a DELETE. Setting a status twice is harmless, so a call that
was not answered is simply made again.
"""

from adapters.errors import DeletionBlocked, ITGlueConnectionError, PermissionDenied, Postponed
from workers.ledger.deleting.deletions import Change
from workers.ledger.records import Deletion
from workers.pipeline.states import BLOCKED, FAILED, RETRYING, SOFT_DELETED
from workers.pipeline.steps.outcome import Context, again, end, fail, wait
from workers.pipeline.steps.permission import Permission, permission
from workers.pipeline.steps.plan import await_eligibility, may_wait
from workers.pipeline.terms import terms_of


async def run(deletion: Deletion, context: Context) -> Change:
    """Set the status, and look whether it is set."""
    wanted = terms_of(deletion, context.settings).policy.soft_delete_status
    status_id = (await context.itglue.statuses()).get(wanted)
    if status_id is None:
        message = f"soft_delete_status: the account has no organization status {wanted!r}"
        return fail(BLOCKED, DeletionBlocked(message), context.clock())
    given = await permission(deletion, context)
    if isinstance(given, Change):
        return given
    return given.noted(await _sent(given, status_id, deletion, context))


async def _sent(given: Permission, status_id: str, deletion: Deletion, context: Context) -> Change:
    """What the call came to."""
    policy = terms_of(deletion, context.settings).policy
    wanted = policy.soft_delete_status
    done = {"intent_state": "refused"}
    try:
        answer = await context.itglue.set_status(
            given.org_id, status_id, lambda: given.require_in_time(context.clock())
        )
    except Postponed as held_up:
        # Not sent, so this intent came to nothing.
        line = {"entry": "postponed", "number": given.number}
        return wait(RETRYING, "soft_delete", held_up.until, line).with_fields(**done)
    now = context.clock()
    line = {"entry": "answer", "number": given.number, "outcome": answer.outcome}
    line |= {"status": answer.status, "detail": answer.detail}
    if answer.outcome == "accepted":
        seen = await context.itglue.organization(given.org_id)
        if seen is not None and seen.status == wanted:
            return end(SOFT_DELETED, line).with_fields(**done)
        error = ITGlueConnectionError(
            f"IT Glue accepted the status {wanted!r} and does not show it"
        )
        return again(deletion, error, context, "plan", line).with_fields(**done)
    match answer.status:
        case 401 | 403:
            change = fail(FAILED, PermissionDenied(answer.detail), now, line)
        case 422 if may_wait(deletion, policy, now):
            change = await_eligibility(deletion, policy, now, line)
        case 400 | 404 | 415 | 422:
            change = fail(BLOCKED, DeletionBlocked(answer.detail), now, line)
        case _:
            error = ITGlueConnectionError(answer.detail)
            change = again(deletion, error, context, "plan", line)
    return change.with_fields(**done)
