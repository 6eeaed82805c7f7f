"""Verify: an accepted deletion is believed only when IT Glue shows the organization gone.

The call is asynchronous, and there were releases in which it accepted work without doing it
(IT Glue release notes 1.118.77 and 1.118.80), so the proof is looked for until `verify_window`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from workers.ledger.deleting.deletions import Change
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.states import DELETED, FAILED, RETRYING, VERIFYING
from workers.pipeline.steps.outcome import Context, end, wait
from workers.pipeline.steps.proof import look
from workers.times.clock import rfc3339

_SOONEST = timedelta(seconds=1)
_LATEST = timedelta(minutes=10)


def look_again(elapsed: timedelta, now: datetime) -> datetime:
    """When to read again, `elapsed` after the call: soon at first, ever less often later."""
    return now + min(max(elapsed / 2, _SOONEST), _LATEST)


def keep_looking(deletion: Deletion, now: datetime, *journal: Mapping[str, Any]) -> Change:
    """What follows when nothing more may be sent and the last call was never answered."""
    return wait(RETRYING, "unanswered", look_again(now - deletion.looking_since, now), *journal)


def unverified(deletion: Deletion, now: datetime, *journal: Mapping[str, Any]) -> Change:
    """The end of a deletion whose call went out and whose proof never came."""
    sent = rfc3339(deletion.intent.at) if deletion.intent.at else "an unknown time"
    answered = "accepted" if deletion.intent.state == "accepted" else "did not answer"
    message = (
        f"IT Glue {answered} the deletion of organization {deletion.intent.org_id} at {sent} and "
        "it could not be shown to be gone since; look in IT Glue, and ask its support if it stays"
    )
    error = ErrorEntry("DeletionUnverified", message, rfc3339(now))
    return end(FAILED, *journal, errors=(error,))


async def run(deletion: Deletion, context: Context) -> Change:
    """Look whether it is gone."""
    seen = await look(deletion, context)
    now = context.clock()
    line = {"entry": "looked", "state": seen.state, "evidence": seen.evidence}
    if seen.state == "gone":
        return end(DELETED, line)
    since = deletion.looking_since
    # A look that the key's refusal spoiled is not the last one.
    if now >= since + context.settings.policy.verify_window and not seen.key_refused:
        return unverified(deletion, now, line)
    return wait(VERIFYING, "verify", look_again(now - since, now), line)
