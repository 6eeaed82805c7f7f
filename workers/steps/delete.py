"""Delete: get permission, send one call, believe nothing but its answer."""

from datetime import timedelta

from adapters.errors import (
    DeletionBlocked,
    ITGlueConnectionError,
    OrganizationNotFound,
    PermissionDenied,
    Postponed,
)
from workers.itglue.models import DeleteAnswer
from workers.ledger.deletions import Change
from workers.ledger.records import Deletion
from workers.states import BLOCKED, FAILED, RETRYING
from workers.steps.outcome import Context, again, fail, go_on, wait
from workers.steps.permission import permission
from workers.steps.plan import await_eligibility, may_wait
from workers.steps.unanswered import may_send_again

_SOON = timedelta(seconds=2)


async def run(deletion: Deletion, context: Context) -> Change:
    """Send the call, if the last one does not stand in the way."""
    if deletion.intent.state == "accepted":
        return go_on("verify")
    if deletion.intent.state == "open" and not may_send_again(deletion, context):
        return go_on("unanswered")
    given = await permission(deletion, context)
    if isinstance(given, Change):
        return given
    try:
        answer = await context.itglue.delete_organization(
            given.org_id, lambda: given.require_in_time(context.clock())
        )
    except Postponed as error:
        # Not sent, so the intent came to nothing.
        return wait(RETRYING, "delete", error.until, {"entry": "postponed"}, intent_state="refused")
    return _after(answer, given.number, deletion, context)


def _after(answer: DeleteAnswer, number: int, deletion: Deletion, context: Context) -> Change:
    """What follows from IT Glue's answer to intent `number`."""
    now = context.clock()
    policy = context.settings.policy
    line = {
        "entry": "answer",
        "number": number,
        "outcome": answer.outcome,
        "status": answer.status,
        "detail": answer.detail,
    }
    if answer.outcome == "accepted":
        return go_on("verify", line, intent_state="accepted")
    # A 404 to a repeated call may mean that the first one, never answered, is being carried out.
    if answer.outcome == "unknown" or (answer.status == 404 and number > 1):
        return wait(RETRYING, "unanswered", now + _SOON, line)
    match answer.status:
        case None | 429:
            error = ITGlueConnectionError(answer.detail)
            change = again(deletion, error, context, "delete", line)
        case 401 | 403:
            change = fail(FAILED, PermissionDenied(answer.detail), now, line)
        case 404:
            change = fail(FAILED, OrganizationNotFound(answer.detail), now, line)
        case 422 if may_wait(deletion, policy, now):
            change = await_eligibility(deletion, policy, now, line)
        case _:
            change = fail(BLOCKED, DeletionBlocked(answer.detail), now, line)
    return change.with_fields(intent_state="refused")
