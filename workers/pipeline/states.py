"""The states of a deletion, and what a delivery may come to (the words are part of the API)."""

from typing import Final

QUEUED: Final = "queued"
RUNNING: Final = "running"

AWAITING_ELIGIBILITY: Final = "awaiting_eligibility"
AWAITING_APPROVAL: Final = "awaiting_approval"
SCHEDULED: Final = "scheduled"
EXPORTING: Final = "exporting"
RETRYING: Final = "retrying"
VERIFYING: Final = "verifying"

DELETED: Final = "deleted"
SOFT_DELETED: Final = "soft_deleted"
PREVIEWED: Final = "previewed"
BLOCKED: Final = "blocked"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"

WAITING: Final = frozenset(
    {AWAITING_ELIGIBILITY, AWAITING_APPROVAL, SCHEDULED, EXPORTING, RETRYING, VERIFYING}
)
TERMINAL: Final = frozenset({DELETED, SOFT_DELETED, PREVIEWED, BLOCKED, CANCELLED, FAILED})
STATES: Final = (QUEUED, RUNNING, *sorted(WAITING), *sorted(TERMINAL))

VERDICTS: Final = ("accepted", "cancelled", "duplicate", "ignored", "rejected", "unverified")
