"""Delete: get permission, send one call, believe nothing but its answer."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from adapters.errors import (
    DeletionBlocked,
    ITGlueConnectionError,
    PermissionDenied,
    Postponed,
)
from workers.itglue.models import ChangeAnswer
from workers.ledger.deleting.deletions import Change
from workers.ledger.records import Deletion
from workers.pipeline.states import BLOCKED, FAILED, RETRYING
from workers.pipeline.steps.outcome import Context, again, fail, go_on, wait
from workers.pipeline.steps.permission import Permission, permission
from workers.pipeline.steps.plan import await_eligibility, may_wait
from workers.pipeline.steps.unanswered import may_send_again
from workers.pipeline.terms import terms_of

_SOON = timedelta(seconds=2)
_MISSING = 404


async def run(deletion: Deletion, context: Context) -> Change:
    """Send the call, if the last one does not stand in the way."""
    if deletion.intent.state == "accepted":
        return go_on("verify")
    if deletion.intent.unanswered and not may_send_again(deletion, context):
        return go_on("unanswered")
    given = await permission(deletion, context)
    if isinstance(given, Change):
        return given
    return given.noted(await _sent(given, deletion, context))


async def _sent(given: Permission, deletion: Deletion, context: Context) -> Change:
    """What the call came to."""
    repeats = deletion.intent.unanswered
    try:
        answer = await context.itglue.delete_organization(
            given.org_id, lambda: given.require_in_time(context.clock())
        )
    except Postponed as error:
        # Not sent, so this intent came to nothing.
        line = {"entry": "postponed", "number": given.number}
        if repeats:
            return wait(RETRYING, "unanswered", error.until, line)
        return wait(RETRYING, "delete", error.until, line, intent_state="refused")
    line = {"entry": "answer", "number": given.number, **asdict(answer)}
    del line["others"]
    if answer.others:
        # Whom this call met is not known, and the next one might meet somebody else.
        reason = (
            f"IT Glue's answer to the DELETE of organization {given.org_id} names "
            f"{', '.join(answer.others)}; look at them in IT Glue, and at what stands between"
        )
        await context.ledger.stop_switch.pause("", reason, context.clock())
    if answer.outcome == "accepted":
        return go_on("verify", line, intent_state="accepted")
    if answer.status == _MISSING:
        # It was shown a moment before, so this may be the second answer to a call that a gateway
        # repeated: only looking tells.
        until = context.clock() + _SOON
        return wait(RETRYING, "unanswered", until, line, intent_missing="1")
    if answer.outcome == "unknown" or repeats:
        # A refused repetition says nothing of the call before it, which was never answered.
        return wait(RETRYING, "unanswered", context.clock() + _SOON, line)
    return _refused(answer, deletion, context, line).with_fields(intent_state="refused")


def _refused(
    answer: ChangeAnswer, deletion: Deletion, context: Context, line: Mapping[str, Any]
) -> Change:
    """What follows from IT Glue's refusal."""
    now = context.clock()
    policy = terms_of(deletion, context.settings).policy
    match answer.status:
        case None | 429:
            error = ITGlueConnectionError(answer.detail)
            return again(deletion, error, context, "delete", line)
        case 401 | 403:
            return fail(FAILED, PermissionDenied(answer.detail), now, line)
        case 422 if may_wait(deletion, policy, now):
            return await_eligibility(deletion, policy, now, line)
        case _:
            return fail(BLOCKED, DeletionBlocked(answer.detail), now, line)
