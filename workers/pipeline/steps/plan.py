"""Plan: make one of the facts of now, and decide what follows from it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from adapters.errors import DeletionBlocked
from workers.ledger.deleting.deletions import Change
from workers.ledger.records import Deletion, ErrorEntry, encode_account
from workers.pipeline.gates.loosened import forbids
from workers.pipeline.identity.identities import strangers
from workers.pipeline.plan import WAIVABLE, Plan
from workers.pipeline.states import AWAITING_ELIGIBILITY, BLOCKED, PREVIEWED
from workers.pipeline.steps import approve, grace
from workers.pipeline.steps.facts import Known, make_plan
from workers.pipeline.steps.outcome import Context, cancel, end, fail, go_on, wait
from workers.pipeline.steps.verify import keep_looking
from workers.pipeline.terms import no_approver, terms_of
from workers.psa.asking import told
from workers.settings import Settings
from workers.settings.policy import PolicySettings
from workers.times.clock import to_ms

OTHER_ACCOUNT: Final = (
    "other_account: it was planned in another IT Glue account than the one that answers now, or "
    "the account's own organization is no longer shown; look at itglue.api_key, then ask again"
)
_RECHECKS_PER_WINDOW = 24


def eligible_until(deletion: Deletion, policy: PolicySettings, now: datetime) -> datetime:
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
    return deletion.by_webhook and now < eligible_until(deletion, policy, now)


def await_eligibility(
    deletion: Deletion, policy: PolicySettings, now: datetime, line: Mapping[str, Any]
) -> Change:
    """Plan again later, until the eligibility window closes."""
    until = eligible_until(deletion, policy, now)
    pause = policy.eligibility_window / _RECHECKS_PER_WINDOW
    return wait(
        AWAITING_ELIGIBILITY, "plan", min(now + pause, until), line, eligible_until=to_ms(until)
    )


def following(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> str:
    """The step after a plan that every gate let pass."""
    policy = settings.policy
    if policy.mode == "preview":
        return "plan"
    if approve.missing(deletion, plan, settings):
        return "approve"
    if grace.until(deletion, plan, settings, now) > now:
        return "grace"
    match policy.mode:
        case "soft_delete":
            return "soft_delete"
        case "delete":
            exported = deletion.export
            missing = exported is None or exported.unproved(plan, now, policy.export_max_age)
            return "export" if policy.export and missing else "delete"


def decide(
    deletion: Deletion, plan: Plan, known: Known, settings: Settings, now: datetime
) -> Change:
    """What follows from a plan; `settings` are the terms of the deletion."""
    if deletion.intent.unanswered and plan.organization.id != deletion.intent.org_id:
        # Its result speaks of what the call was for, so that plan stays, and only looking ends it.
        line = {"entry": "meaning_moved", "org_id": plan.organization.id}
        return keep_looking(deletion, now, line)
    if (status := _status_elsewhere(deletion, plan)) is not None:
        line = {"entry": "meaning_moved", "org_id": plan.organization.id}
        return fail(BLOCKED, DeletionBlocked(status), now, line)
    back = _reactivated(deletion, plan, known, now)
    change = (
        back.with_fields(**_stored(plan, settings))
        if back is not None
        else _weighed(deletion, plan, settings, now)
    )
    fields: dict[str, str | int] = {
        "watch": known.standing.encoded_watch(
            known.others
            | strangers(plan.organization, settings.sources, settings.psa_sources)
            - set(deletion.identities)
        ),
        "plan_forms": json.dumps(known.standing.forms),
        "plan_noes": known.standing.said_noes,
        "plan_doubts": known.standing.said_doubts,
    }
    pinned = {**plan.subject(), "status": plan.organization.status, **(deletion.pinned or {})}
    if pinned != deletion.pinned:
        fields["pinned"] = json.dumps(pinned)
    if deletion.policy_then is None:
        fields["policy_then"] = json.dumps(_policy(deletion, settings))
    if known.said:
        change = replace(change, journal=(told(known.said), *change.journal))
    return change.with_fields(**fields)


def _policy(deletion: Deletion, settings: Settings) -> dict[str, Any]:
    """What the policy goes by with the first plan: nothing of it is loosened for what waits.

    Until somebody replays it, for the policy of then.
    """
    policy = settings.policy
    return {
        **forbids(policy),
        "approval": approve.approval_of(deletion, settings),
        "grace": grace.period(deletion, settings).total_seconds(),
        "export_max_age": policy.export_max_age.total_seconds(),
    }


def _status_elsewhere(deletion: Deletion, plan: Plan) -> str | None:
    """What ends it where a status was to be set, and the client leads to another one now.

    Whether the first one has it the call may not have said, and no result would speak of it.
    """
    intent, before, now = deletion.intent, deletion.plan, plan.organization
    if intent.kind != "soft_delete" or before is None or before.organization.id != intent.org_id:
        return None
    if now.id == intent.org_id:
        return None
    return (
        f"identity: a status was to be set for organization {intent.org_id}, which may have it, "
        f"and the client leads to organization {now.id} now; look at both, then replay it"
    )


def _reactivated(deletion: Deletion, plan: Plan, known: Known, now: datetime) -> Change | None:
    """The end of what its own source said is active, under any identity, since it was asked for.

    A schedule has no source of its own, so every source's word ends its deletions. What the PSA
    itself says when it is asked counts as its source's word.
    """
    active = [
        each
        for each in known.said
        if each.state == "active" and (each.source == deletion.source or deletion.swept)
    ]
    if active:
        words = "; ".join(each.words for each in active)
        line = {"entry": "active_in_psa", "source": active[0].source, "detail": words}
        return _no_longer_wanted(deletion, words, now, line)
    since = [
        register
        for register in known.standing.registers
        if register.order > deletion.order
        and (register.source == deletion.source or (deletion.swept and register.active))
    ]
    if not since:
        return None
    line = {
        "entry": "reactivated",
        "source": since[0].source,
        "client": since[0].client,
        "org_id": plan.organization.id,
    }
    return _no_longer_wanted(deletion, "the client is active again", now, line)


def _no_longer_wanted(
    deletion: Deletion, why: str, now: datetime, line: Mapping[str, Any]
) -> Change:
    if deletion.intent.unanswered:
        return keep_looking(deletion, now, line)
    return cancel(why, now, line)


def _weighed(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> Change:
    granted = deletion.granted
    moved = granted.moved(plan) if granted is not None else ()
    if granted is not None and (gone := no_approver(granted.by, settings)):
        moved = (*moved, gone)
    if granted is None or not moved:
        return _decided(deletion, plan, settings, now)
    # What was approved is not what there is now: judged as if nobody had said anything. That the
    # time until then was an approver's stays true.
    until = eligible_until(deletion, settings.policy, now)
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


def _stored(plan: Plan, settings: Settings) -> dict[str, str]:
    return {
        "plan": plan.model_dump_json(),
        "plan_digest": plan.digest,
        "plan_account": encode_account(plan.account, plan.made_at),
        "plan_counts": json.dumps(dict(plan.counts)),
        "mode": settings.policy.mode,
        "org_id": plan.organization.id,
    }


def _decided(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> Change:
    policy, mode = settings.policy, settings.policy.mode
    stored = _stored(plan, settings)
    line = {
        "entry": "planned",
        "org_id": plan.organization.id,
        "digest": plan.digest,
        "refused": [answer.gate for answer in plan.refusals],
    }
    if deletion.asked is not None and approve.wanted(deletion, plan, settings) is None:
        stored["approval_why"] = ""
    step = following(deletion, plan, settings, now)
    acts = not plan.refusals and step in {"delete", "export"}
    if deletion.intent.unanswered and not acts:
        # A call may have worked, so this can only end by what is seen.
        return keep_looking(deletion, now, line).with_fields(**stored)
    if deletion.request.dry_run or mode == "preview":
        return end(PREVIEWED, line).with_fields(**stored)
    # Who approves may grant force_delete, so this gate is the approver's to answer. What no person
    # asked for waits for the others first.
    others = tuple(answer for answer in plan.refusals if answer.gate != WAIVABLE)
    held = step == "approve" or (others and not deletion.by_request)
    refusals = others if held else plan.refusals
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
    """Plan, and decide what follows. Raises AccountChanged, PsaError."""
    plan, known = await make_plan(deletion, context)
    settings = terms_of(deletion, context.settings)
    seen, before = plan.account, deletion.plan.account if deletion.plan else None
    account = context.ledger.account
    if seen is not None:
        await account.recognise(seen.primary, context.clock())
    lost = seen is not None and seen.primary is None and await account.primary() is not None
    moved = seen and before and (seen.primary, seen.base_url) != (before.primary, before.base_url)
    # What a gate refuses needs no other reason: it may itself claim to be the primary one.
    if (lost or moved) and not plan.refusals:
        # An admin accepted another account meanwhile; what was asked for was meant for the first.
        now = context.clock()
        line = {"entry": "other_account", "primary": seen.primary if seen else None}
        if deletion.intent.unanswered:
            return keep_looking(deletion, now, line)
        return fail(BLOCKED, DeletionBlocked(OTHER_ACCOUNT), now, line)
    return decide(deletion, plan, known, settings, context.clock())
