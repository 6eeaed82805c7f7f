"""States, gates and journals in words that somebody reads who does not know the program."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from workers.ledger.records import Deletion
from workers.pipeline.states import (
    BLOCKED,
    CANCELLED,
    DELETED,
    FAILED,
    PREVIEWED,
    SOFT_DELETED,
    STATES,
)
from workers.times.clock import rfc3339

# What a state's mark looks like; the word stands beside it, so nobody needs the colour.
TONES: Final[Mapping[str, str]] = (
dict.fromkeys(STATES, "open")
    | {
        DELETED: "go", SOFT_DELETED: "go", PREVIEWED: "calm", BLOCKED: "warn",
        CANCELLED: "calm", FAILED: "stop", "awaiting_approval": "warn",
        "accepted": "go", "duplicate": "calm", "ignored": "calm", "rejected": "stop",
        "unverified": "stop", "pending": "open", "delivered": "go", "dead": "stop",
        "stopped": "calm",
    }
)  # fmt: skip
_OUTCOMES: Final[Mapping[str, str]] = {
    "queued": "It waits for a worker.",
    "running": "A worker is at it.",
    "awaiting_eligibility": "It waits until every gate passes.",
    "awaiting_approval": "It waits for somebody to approve or reject it.",
    "scheduled": "It waits out its grace period, in which it can still be cancelled.",
    "exporting": "It waits for IT Glue to build the export.",
    "retrying": "Something failed that may pass; it tries again.",
    "verifying": "The DELETE was sent. It is deleted once it is seen gone.",
    DELETED: "The organization is deleted, and was seen gone.",
    SOFT_DELETED: "The organization's status was changed. Nothing was deleted.",
    PREVIEWED: "This was a dry run. Nothing was deleted.",
    BLOCKED: "It was not deleted: a gate refused.",
    CANCELLED: "It was cancelled. Nothing was deleted.",
    FAILED: "It failed.",
}
_ENTRIES: Final[Mapping[str, str]] = {
    "created": "Asked for by {source} {actor}",
    "planned": "Planned: organization {org_id} was found and counted. Refusals: {refused}",
    "approval_wanted": "An approval is asked for",
    "approval_reminded": "The approvers were reminded; it ends {until}",
    "approval_expired": "Nobody approved it in time",
    "approval_not_wanted": "An approval is no longer needed",
    "approval_voided": "The approval by {approved_by} is void, for this moved: {moved}",
    "approved": "Approved by {operator}",
    "rejected": "Rejected by {operator}: {reason}",
    "cancelled": "Cancelled by {operator}",
    "scheduled": "The grace period began; it ends {until}",
    "export_asked": "IT Glue was asked for an export",
    "exported": "The export is on disk: {file}",
    "export_aged": "The export may have been ready for too long; another one is asked for",
    "export_unproved": "The export does not prove enough: {why}",
    "intent": "Permission number {number} to call ({kind}) was given for organization {org_id}",
    "answer": "IT Glue answered call {number}: {outcome}",
    "not_sent": "The call was not sent: {why}",
    "not_begun": "Not begun: {why}",
    "unanswered": "No answer came; a look finds it {state}",
    "looked": "Looked whether it is gone: {state}",
    "vanished": "It vanished without a call of ours",
    "attempt": "The step {step} failed: {code}",
    "postponed": "Put off: {why}",
    "parked": "Put aside: its worker died {deaths} times",
    "lease_expired": "A worker vanished; another one takes over",
    "plan_aged": "The plan is too old and is made again",
    "plan_moved": "The plan moved and is made again: {moved}",
    "policy_moved": "The policy moved; the plan is made again",
    "meaning_moved": "It would now mean organization {org_id}: stopped",
    "reactivated": "The client is active again",
    "reactivated_too_late": "The client is active again, after the call",
    "active_elsewhere": "Another source says that the client is active",
    "joined": "Asked for once more by delivery {delivery_id}",
    "order_unknown": "It is not known whether delivery {delivery_id} is older or newer",
    "other_account": "IT Glue answered for another account",
    "replayed": "Replayed by {operator}; before that it was {was}",
    "ended": "Ended: {state}",
    "callback": "The result for the receiver: {state}",
    "notification": "The notification to {target}: {state}",
    "callback_replayed": "The result is sent again for {operator}",
    "still_gone": "Looked later: still gone",
    "looked_later": "Looked later: {state}",
    "recreated": "An organization like it exists again",
    "shown_again": "IT Glue shows it again, under the same id",
    "proved_later": "Seen gone after all: it counts as deleted",
}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z", re.ASCII)
_QUIET: Final = frozenset({"entry", "at", "digest", "sha256", "fence", "generation", "id"})


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return ""


def state_words(state: str) -> str:
    """A state or a verdict as it is written in a sentence."""
    return state.replace("_", " ")


def outcome(deletion: Deletion) -> str:
    """What came of it, in a sentence."""
    if deletion.state == FAILED and deletion.intent.unsettled:
        return "It failed after the DELETE was sent. Look in IT Glue whether it is gone."
    return _OUTCOMES.get(deletion.state, state_words(deletion.state))


def entry_words(entry: Mapping[str, Any]) -> tuple[str, str]:
    """A line of the journal: a sentence, and what else it holds."""
    values = _Known({name: _shown(value) for name, value in entry.items()})
    name = str(entry.get("entry", ""))
    pattern = _ENTRIES.get(name)
    if pattern is None:
        sentence, used = state_words(name).capitalize(), set[str]()
    else:
        sentence = pattern.format_map(values).strip().rstrip(":").strip()
        used = {part for part in values if f"{{{part}}}" in pattern}
    rest = [
        f"{state_words(part)} {values[part]}"
        for part in values
        if part not in used | _QUIET and values[part]
    ]
    return sentence, "; ".join(rest)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, str) and _TIME.fullmatch(value):
        return when(value)
    return "" if value is None else str(value)


def when(moment: datetime | str | None) -> str:
    """A time as people read it, in UTC."""
    if not moment:
        return ""
    text = moment if isinstance(moment, str) else rfc3339(moment)
    return text.replace("T", " ").replace("Z", " UTC")
