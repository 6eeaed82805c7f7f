"""Unanswered: a call may have gone out, and only reading can tell what became of it.

Gone means that we deleted it. Still there after `resend_after` means that the gates are asked
again, and then a new call, numbered anew, may go out.
"""

from datetime import datetime, timedelta

from workers.ledger.deleting.deletions import Change
from workers.ledger.records import Deletion
from workers.pipeline.states import DELETED, RETRYING
from workers.pipeline.steps.outcome import Context, end, go_on, wait
from workers.pipeline.steps.proof import look
from workers.pipeline.steps.verify import look_again, unverified

_SOON = timedelta(seconds=2)
_MOST_INTENTS = 5


def _resend_at(deletion: Deletion, context: Context) -> datetime:
    return (deletion.intent.at or deletion.created_at) + context.settings.policy.resend_after


def may_send_again(deletion: Deletion, context: Context) -> bool:
    """Whether the gates were asked again after the unanswered call had its time."""
    plan = deletion.plan
    return plan is not None and plan.made_at >= _resend_at(deletion, context)


async def run(deletion: Deletion, context: Context) -> Change:
    """Look whether it is gone, and when to send again."""
    intent = deletion.intent
    seen = await look(deletion, context)
    now = context.clock()
    line = {"entry": "unanswered", "state": seen.state, "evidence": seen.evidence}
    if seen.state == "gone":
        return end(DELETED, line)
    since = deletion.looking_since
    resend_at = _resend_at(deletion, context)
    # A look that the key's refusal spoiled is not the last one.
    if now >= since + context.settings.policy.verify_window and not seen.key_refused:
        return unverified(deletion, now, line)
    if seen.state == "visible" and now >= resend_at:
        if intent.number < _MOST_INTENTS:
            return go_on("plan", line)
        # Nothing more is sent; what was sent may still be carried out.
        return wait(RETRYING, "unanswered", look_again(now - since, now), line)
    until = look_again(now - since, now)
    if now < resend_at:
        until = min(until, max(resend_at, now + _SOON))
    return wait(RETRYING, "unanswered", until, line)
