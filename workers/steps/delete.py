"""Delete: look once more, get permission, send one call, believe nothing but its answer.

An intent that was written and not answered is resolved by reading, never by sending again
before `resend_after`.
"""

from datetime import datetime, timedelta

from adapters.errors import (
    DeletionBlocked,
    ITGlueConnectionError,
    OrganizationNotFound,
    PermissionDenied,
    Postponed,
)
from workers.clock import rfc3339
from workers.itglue.models import DeleteAnswer
from workers.ledger.deletions import Begun, Change, Fenced
from workers.ledger.records import Deletion, ErrorEntry
from workers.states import BLOCKED, CANCELLED, DELETED, FAILED, RETRYING
from workers.steps.outcome import Context, again, end, fail, go_on, wait
from workers.steps.plan import await_eligibility, judged, may_wait
from workers.steps.verify import look_again, unverified

PLAN_LASTS = timedelta(seconds=60)
_SOON = timedelta(seconds=2)
_PAUSE_CHECK = timedelta(seconds=15)
_MOST_INTENTS = 5


async def run(deletion: Deletion, context: Context) -> Change:
    """Send the call, or find out what became of the one that was sent."""
    intent = deletion.intent
    if intent.state == "accepted":
        return go_on("verify")
    if intent.state == "open" and not _may_send_again(deletion, context):
        return await _unanswered(deletion, context)
    return await _act(deletion, context)


def _resend_at(deletion: Deletion, context: Context) -> datetime:
    return (deletion.intent.at or deletion.created_at) + context.settings.policy.resend_after


def _may_send_again(deletion: Deletion, context: Context) -> bool:
    """Whether the gates were asked again after the unanswered call had its time."""
    plan = deletion.plan
    return plan is not None and plan.made_at >= _resend_at(deletion, context)


async def _unanswered(deletion: Deletion, context: Context) -> Change:
    intent = deletion.intent
    seen = await context.itglue.presence(intent.org_id)
    now = context.clock()
    line = {"entry": "unanswered", "state": seen.state, "evidence": seen.evidence}
    if seen.state == "gone":
        return end(DELETED, line)
    sent_at = intent.at or deletion.created_at
    too_late = now >= sent_at + context.settings.policy.verify_window
    if too_late or intent.number >= _MOST_INTENTS:
        return unverified(deletion, now, line)
    resend_at = _resend_at(deletion, context)
    if seen.state == "visible" and now >= resend_at:
        return go_on("plan", line)
    until = look_again(now - sent_at, now)
    return wait(RETRYING, "delete", min(until, max(resend_at, now + _SOON)), line)


async def _act(deletion: Deletion, context: Context) -> Change:
    plan = deletion.plan
    policy = context.settings.policy
    if plan is None or context.clock() - plan.made_at > PLAN_LASTS:
        return go_on("plan", {"entry": "plan_aged"})
    organization = await context.itglue.organization(plan.organization.id)
    if organization is None:
        if deletion.intent.state == "open":
            return await _unanswered(deletion, context)
        raise OrganizationNotFound(
            f"organization {plan.organization.id} was there when the plan was made and is gone "
            "now; Unglue did not delete it"
        )
    fresh = judged(deletion, organization, plan.inventory, policy, plan.made_at)
    moved = plan.moved(fresh)
    if moved:
        return go_on("plan", {"entry": "plan_moved", "moved": list(moved)})

    now = context.clock()
    begun = await context.ledger.deletions.begin_delete(
        deletion,
        org_id=organization.id,
        digest=plan.digest,
        resend_after=policy.resend_after,
        limit=policy.max_deletions_per_day,
        now=now,
    )
    if begun.decision != "begun":
        return _not_begun(begun, deletion, context)
    if context.clock() - now >= context.settings.worker.lease:
        # This process was held up in between; whoever took over reads before it sends.
        raise Fenced(f"deletion {deletion.id} was held up before its call and did not send it")
    try:
        answer = await context.itglue.delete_organization(organization.id)
    except Postponed as error:
        # Not sent, so the intent came to nothing.
        return wait(RETRYING, "delete", error.until, {"entry": "postponed"}, intent_state="refused")
    return _after(answer, begun.number, deletion, context)


def _not_begun(begun: Begun, deletion: Deletion, context: Context) -> Change:
    now = context.clock()
    line = {"entry": "not_begun", "why": begun.decision}
    match begun.decision:
        case "accepted_before":
            return go_on("verify", line)
        case "plan_moved":
            return go_on("plan", line)
        case "paused":
            return wait(RETRYING, "delete", now + _PAUSE_CHECK, line)
        case "in_flight":
            return wait(RETRYING, "delete", now + _SOON, line)
        case "reactivated":
            error = ErrorEntry("Cancelled", "the client is active again", rfc3339(now))
            return end(CANCELLED, line, errors=(error,))
        case "claimed":
            message = f"claimed: deletion {begun.holder} acts on this organization already"
            return fail(BLOCKED, DeletionBlocked(message), now, line)
        case "quota":
            limit = context.settings.policy.max_deletions_per_day
            message = (
                f"limit: {limit} deletions were begun today (policy.max_deletions_per_day); "
                "ask again tomorrow, or raise the limit"
            )
            return fail(BLOCKED, DeletionBlocked(message), now, line)
        case _:
            raise Fenced(f"deletion {deletion.id} was taken over while this worker was away")


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
        return wait(RETRYING, "delete", now + _SOON, line)
    match answer.status:
        case None | 429:
            error = ITGlueConnectionError(answer.detail)
            return again(deletion, error, context, "delete", line, intent_state="refused")
        case 401 | 403:
            change = fail(FAILED, PermissionDenied(answer.detail), now, line)
        case 404:
            change = fail(FAILED, OrganizationNotFound(answer.detail), now, line)
        case 422 if may_wait(deletion, policy, now):
            change = await_eligibility(deletion, policy, now, line)
        case _:
            change = fail(BLOCKED, DeletionBlocked(answer.detail), now, line)
    return change.with_fields(intent_state="refused")
