"""Plan: resolve the organization, count what hangs on it, ask every gate, decide.

Reads only. The same plan is what a dry run shows and what a deletion acts on.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from adapters.errors import DeletionBlocked, ITGlueConnectionError, PermissionDenied
from workers.clock import to_ms
from workers.gates import judge
from workers.gates.subject import Subject
from workers.gates.synced import ADVICE
from workers.itglue.client import ITGlue
from workers.itglue.models import Inventory, Organization
from workers.itglue.together import both
from workers.ledger.deletions import Change
from workers.ledger.protections import Protection
from workers.ledger.records import Deletion, ErrorEntry
from workers.plan import WAIVABLE, Activity, Plan
from workers.protection import protection_of
from workers.settings import Settings
from workers.settings.policy import PolicySettings
from workers.states import AWAITING_ELIGIBILITY, BLOCKED, PREVIEWED
from workers.steps import approve, grace
from workers.steps.outcome import Context, end, go_on, wait
from workers.steps.resolve import resolve
from workers.steps.verify import keep_looking

_RECHECKS_PER_WINDOW = 24
# Earlier than the documented cut, in case that counts otherwise than Python.
_CUT_AT = 200


def judged(
    deletion: Deletion,
    organization: Organization,
    inventory: Inventory,
    activity: Activity | None,
    settings: Settings,
    now: datetime,
    protection: Protection | None = None,
) -> Plan:
    """The plan of these facts: pure."""
    subject = Subject(
        request=deletion.request,
        organization=organization,
        inventory=inventory,
        policy=settings.policy,
        now=now,
        activity=activity,
        by_webhook=deletion.by_webhook,
        protection=protection,
        asks=approve.confirms(deletion, settings),
        forced=deletion.granted is not None and deletion.granted.force,
    )
    warnings = inventory.warnings
    if organization.psa_ids and ADVICE not in warnings:
        warnings = (*warnings, ADVICE)
    return Plan(
        made_at=now,
        organization=organization,
        counts=inventory.counts,
        sub_organizations=inventory.sub_organizations,
        answers=judge(subject),
        warnings=warnings,
        activity=activity,
    )


async def make_plan(deletion: Deletion, context: Context) -> Plan:
    """A fresh plan."""
    found = await resolve(context.itglue, deletion.request)
    policy, now = context.settings.policy, context.clock()
    organization, (inventory, activity) = await both(
        _whole(context.itglue, found),
        both(
            context.itglue.inventory(found),
            _activity(context.itglue, found.id, policy.min_idle_days, now),
        ),
    )
    if activity is not None and not activity.read:
        warnings = (*inventory.warnings, "user metrics may not be read with this API key")
        inventory = replace(inventory, warnings=warnings)
    protection = await protection_of(
        organization, policy.protected_ids, context.ledger.protections, now
    )
    settings = context.settings
    return judged(deletion, organization, inventory, activity, settings, now, protection)


async def _whole(itglue: ITGlue, found: Organization) -> Organization:
    """The organization with all of its quick notes.

    A list cuts them to 250 characters (api.itglue.com/developer), and a tag may stand behind that.
    """
    if len(found.quick_notes or "") < _CUT_AT:
        return found
    organization = await itglue.organization(found.id)
    if organization is None:
        raise ITGlueConnectionError(
            f"IT Glue lists organization {found.id} and does not show it by its id"
        )
    return organization


async def _activity(itglue: ITGlue, org_id: str, days: int, now: datetime) -> Activity | None:
    """The last activity, if the policy asks for idle time: it costs a request a week."""
    if days == 0:
        return None
    try:
        newest = await itglue.last_activity(org_id, since=now - timedelta(days=days), now=now)
    except PermissionDenied:
        return Activity(read=False)
    return Activity(read=True, newest=newest)


def _eligible_until(deletion: Deletion, policy: PolicySettings, now: datetime) -> datetime:
    """When the window closes that opened when it was first waited for.

    It opens anew with an approval and with the end of a grace period: what took so long was not the
    sync. The one takes a person, the other comes once for one meaning of the request, so nothing
    waits for ever by itself.
    """
    opened = [deletion.granted.at] if deletion.granted else []
    if deletion.grace and deletion.grace.until <= now:
        opened.append(deletion.grace.until)
    first = deletion.eligible_until or now + policy.eligibility_window
    return max([first, *(moment + policy.eligibility_window for moment in opened)])


def may_wait(deletion: Deletion, policy: PolicySettings, now: datetime) -> bool:
    """Whether what the PSA's next sync may cure is waited for: a webhook comes before the sync."""
    return deletion.by_webhook and now < _eligible_until(deletion, policy, now)


def await_eligibility(
    deletion: Deletion, policy: PolicySettings, now: datetime, line: Mapping[str, Any]
) -> Change:
    """Plan again later, until the eligibility window closes."""
    until = _eligible_until(deletion, policy, now)
    pause = policy.eligibility_window / _RECHECKS_PER_WINDOW
    return wait(
        AWAITING_ELIGIBILITY, "plan", min(now + pause, until), line, eligible_until=to_ms(until)
    )


def following(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> str:
    """The step after a plan that every gate let pass."""
    policy = settings.policy
    if policy.mode == "preview":
        return "plan"
    if approve.missing(deletion, settings):
        return "approve"
    if grace.until(deletion, plan, settings, now) > now:
        return "grace"
    match policy.mode:
        case "soft_delete":
            return "soft_delete"
        case "delete":
            exported = deletion.export
            missing = exported is None or not exported.on_disk(plan.organization.id)
            return "export" if policy.export and missing else "delete"


def decide(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> Change:
    """What follows from a plan."""
    granted = deletion.granted
    moved = granted.moved(plan) if granted is not None else ()
    if granted is None or not moved:
        return _decided(deletion, plan, settings, now)
    # What was approved is not what there is now: judged as if nobody had said anything. That the
    # time until then was an approver's stays true.
    until = _eligible_until(deletion, settings.policy, now)
    change = _decided(
        replace(approve.void(deletion, moved), eligible_until=until),
        plan.with_force(force=deletion.request.force_delete),
        settings,
        now,
    )
    line = {"entry": "approval_voided", "approved_by": granted.by, "moved": list(moved)}
    fields = {**approve.voided(moved), **change.fields}
    if not deletion.intent.unanswered:
        # An export from before does not hold what is there now.
        fields["export"] = ""
    return replace(change, fields=fields, journal=(line, *change.journal))


def _decided(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> Change:
    policy, mode = settings.policy, settings.policy.mode
    stored = {
        "plan": plan.model_dump_json(),
        "plan_digest": plan.digest,
        "plan_counts": json.dumps(dict(plan.counts)),
        "mode": mode,
        "org_id": plan.organization.id,
    }
    line = {
        "entry": "planned",
        "org_id": plan.organization.id,
        "digest": plan.digest,
        "refused": [answer.gate for answer in plan.refusals],
    }
    if deletion.asked is not None and approve.wanted(deletion, settings) is None:
        stored["approval_why"] = ""
    step = following(deletion, plan, settings, now)
    acts = not plan.refusals and step in {"delete", "export"}
    if deletion.intent.unanswered and not acts:
        # A call may have worked, so this can only end by what is seen.
        return keep_looking(deletion, now, line).with_fields(**stored)
    if deletion.request.dry_run or mode == "preview":
        return end(PREVIEWED, line).with_fields(**stored)
    # Who approves may grant force_delete, so this gate is the approver's to answer.
    refusals = tuple(
        answer for answer in plan.refusals if step != "approve" or answer.gate != WAIVABLE
    )
    if not refusals:
        match step:
            case "approve":
                change = approve.ask(deletion, plan, settings, now, line)
            case "grace":
                change = grace.begin(deletion, plan, settings, now, line)
            case _:
                change = go_on(step, line)
        return change.with_fields(**stored)

    lagging = all(answer.lags for answer in refusals)
    if lagging and may_wait(deletion, policy, now):
        return await_eligibility(deletion, policy, now, line).with_fields(**stored)
    errors = tuple(
        ErrorEntry.of(DeletionBlocked(f"{answer.gate}: {answer.message}"), now)
        for answer in plan.refusals
    )
    return end(BLOCKED, line, errors=errors).with_fields(**stored)


async def run(deletion: Deletion, context: Context) -> Change:
    """Plan, and decide what follows."""
    plan = await make_plan(deletion, context)
    return decide(deletion, plan, context.settings, context.clock())
