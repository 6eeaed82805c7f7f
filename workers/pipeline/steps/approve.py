"""Approve: hold a deletion until a person who did not ask for it has looked at its plan.

While it waits IT Glue is not asked. It is due for reminders and when the time is up; after an
approval the plan is made again and compared with the one that was shown.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from workers.ledger.deleting.deletions import Change
from workers.ledger.records import Deletion
from workers.pipeline.approval import NOT_GRANTED, Why, asking
from workers.pipeline.plan import Plan
from workers.pipeline.states import AWAITING_APPROVAL
from workers.pipeline.steps.outcome import Context, cancel, go_on, wait
from workers.pipeline.terms import no_approver
from workers.settings import Settings
from workers.times.clock import rfc3339
from workers.times.durations import in_words

# A reminder when this share of the time is left.
_REMIND_AT: Final = (1 / 2, 1 / 8)


def wanted(deletion: Deletion, plan: Plan | None, settings: Settings) -> Why | None:
    """Why a person is to be asked, or `None`. A preview asks nobody.

    Whatever the configuration says, a person decides where a gate asks, and where nothing but what
    an approver may waive forbids what no person asked for.
    """
    why = _by_policy(deletion, settings)
    if why is not None or _previews(deletion, settings) or plan is None:
        return why
    if plan.asks:
        return "doubt"
    if not deletion.by_request and plan.with_force(force=deletion.request.force_delete).waivable:
        return "dependencies"
    return None


def _previews(deletion: Deletion, settings: Settings) -> bool:
    return deletion.request.dry_run or settings.policy.mode == "preview"


def _by_policy(deletion: Deletion, settings: Settings) -> Why | None:
    if _previews(deletion, settings):
        return None
    if deletion.asked is not None and deletion.asked.why == "limit":
        return "limit"
    # Who was to be asked about everything when it was planned first is asked yet.
    then = (deletion.policy_then or {}).get("approval") == "always"
    match "always" if then else approval_of(deletion, settings):
        case "always":
            return "policy"
        case "webhooks" if not deletion.by_request and not deletion.request.confirm_delete:
            return "unconfirmed"
        case _:
            return None


def approval_of(deletion: Deletion, settings: Settings) -> str:
    """About what a person is asked: its source's word, or the policy's."""
    source = settings.sources.get(deletion.source) if deletion.by_webhook else None
    return (source.approval if source else None) or settings.policy.approval


def confirms(deletion: Deletion, settings: Settings) -> bool:
    """Whether the approval is the confirmation. Who asks by request confirms it there."""
    return not deletion.by_request and _by_policy(deletion, settings) is not None


def missing(deletion: Deletion, plan: Plan, settings: Settings) -> bool:
    """Whether somebody must be asked (again) before anything is done."""
    why, granted = wanted(deletion, plan, settings), deletion.granted
    if why is None or granted is None:
        return why is not None
    return (why == "limit" and granted.passes != why) or bool(no_approver(granted.by, settings))


def void(deletion: Deletion, moved: tuple[str, ...]) -> Deletion:
    """The deletion as if nobody had approved it, knowing what differs from what was approved."""
    asked = replace(deletion.asked, moved=moved) if deletion.asked else None
    return replace(deletion, granted=None, asked=asked)


def voided(moved: tuple[str, ...]) -> dict[str, str | int]:
    """The fields that end an approval."""
    return {**NOT_GRANTED, "approval_moved": json.dumps(moved)}


def ask(
    deletion: Deletion,
    plan: Plan,
    settings: Settings,
    now: datetime,
    *journal: Mapping[str, Any],
    why: Why | None = None,
) -> Change:
    """Wait for an approval of this plan."""
    why = why or wanted(deletion, plan, settings) or "policy"
    moved = deletion.asked.moved if deletion.asked else ()
    until = now + settings.policy.approval_ttl
    fields = asking(plan, deletion.generation, why, now, until, moved)
    line = {
        "entry": "approval_wanted",
        "why": why,
        "until": rfc3339(until),
        "digest": fields["approval_seen"],
    }
    due = _next_look(now, until, now)
    return wait(AWAITING_APPROVAL, "approve", due, *journal, line, **fields)


def hold(deletion: Deletion, context: Context, *journal: Mapping[str, Any]) -> Change:
    """Hold a deletion that was on its way because of a limit, whatever was approved before."""
    if deletion.plan is None:
        return go_on("plan", *journal)
    plan = deletion.plan.with_force(force=deletion.request.force_delete)
    change = ask(deletion, plan, context.settings, context.clock(), *journal, why="limit")
    return change.with_fields(plan=plan.model_dump_json(), plan_digest=plan.digest)


async def run(deletion: Deletion, context: Context) -> Change:
    """Remind, or give up when the time is over."""
    now, asked = context.clock(), deletion.asked
    if asked is None or wanted(deletion, deletion.plan, context.settings) is None:
        return go_on("plan", {"entry": "approval_not_wanted"})
    if now >= asked.until:
        ttl = in_words(asked.until - asked.at)
        message = f"nobody approved it within {ttl}; ask again, or replay it"
        return cancel(message, now, {"entry": "approval_expired", "until": rfc3339(asked.until)})
    past = sum(moment <= now for moment in _reminders(asked.at, asked.until))
    due = _next_look(asked.at, asked.until, now)
    if past <= asked.reminded:
        return wait(AWAITING_APPROVAL, "approve", due)
    line = {"entry": "approval_reminded", "until": rfc3339(asked.until)}
    return wait(AWAITING_APPROVAL, "approve", due, line, approval_reminded=past)


def _reminders(asked_at: datetime, until: datetime) -> list[datetime]:
    return [until - share * (until - asked_at) for share in _REMIND_AT]


def _next_look(asked_at: datetime, until: datetime, now: datetime) -> datetime:
    return min(moment for moment in (*_reminders(asked_at, until), until) if moment > now)
