"""Plan: resolve the organization, count what hangs on it, ask every gate, decide.

Reads only. The same plan is what a dry run shows and what a deletion acts on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.errors import DeletionBlocked, ITGlueConnectionError, PermissionDenied
from workers.itglue.client import ITGlue
from workers.itglue.contents.together import both
from workers.itglue.models import Inventory, Organization
from workers.itglue.presence.witnesses import normalised
from workers.ledger.deleting.deletions import Change
from workers.ledger.deleting.protections import Protection
from workers.ledger.deleting.registers import NOTHING_SAID, Standing
from workers.ledger.records import Deletion, ErrorEntry, encode_account
from workers.pipeline.gates import judge
from workers.pipeline.gates.subject import Subject
from workers.pipeline.gates.synced import ADVICE
from workers.pipeline.identity.identities import clients_of, forms_of, known_as_all
from workers.pipeline.plan import WAIVABLE, Activity, Plan
from workers.pipeline.protection import protection_of
from workers.pipeline.states import AWAITING_ELIGIBILITY, BLOCKED, CANCELLED, PREVIEWED
from workers.pipeline.steps import approve, grace
from workers.pipeline.steps.outcome import Context, end, fail, go_on, wait
from workers.pipeline.steps.resolve import resolve
from workers.pipeline.steps.verify import keep_looking
from workers.pipeline.terms import act_of, distrust, harder_now, schedule_of, terms_of, word_of
from workers.psa.asking import Said, ask, questions, told, weighed
from workers.settings import Settings
from workers.settings.linked import psa_sources
from workers.settings.policy import PolicySettings
from workers.times.clock import rfc3339, to_ms

OTHER_ACCOUNT: Final = (
    "other_account: it was planned in another IT Glue account than the one that answers now, or "
    "the account's own organization is no longer shown; look at itglue.api_key, then ask again"
)
_RECHECKS_PER_WINDOW = 24
# Earlier than the documented cut, in case that counts otherwise than Python.
_CUT_AT = 200


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan rests on beside IT Glue's answers: the configuration, and what was said."""

    settings: Settings
    standing: Standing = NOTHING_SAID
    protection: Protection | None = None
    said: tuple[Said, ...] = ()


def judged(
    deletion: Deletion,
    organization: Organization,
    inventory: Inventory,
    activity: Activity | None,
    settings: Settings,
    now: datetime,
    known: Known,
) -> Plan:
    """The plan of these facts: pure.

    `settings` are the terms of the deletion, `known.settings` those of the installation.
    """
    granted = deletion.granted
    subject = Subject(
        request=deletion.request,
        organization=organization,
        inventory=inventory,
        policy=settings.policy,
        now=now,
        activity=activity,
        by_webhook=deletion.by_webhook,
        protection=known.protection,
        asks=approve.confirms(deletion, settings),
        forced=granted is not None and granted.force,
        standing=known.standing,
        psa_sources=psa_sources(known.settings),
        pinned=deletion.pinned,
        distrust=distrust(deletion, known.settings),
        harder_now=harder_now(deletion, known.settings),
        overrules_at=deletion.overrules_at,
        known_name=deletion.known_name,
        schedule=schedule_of(deletion, known.settings),
        said=known.said,
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
        act=act_of(settings),
        word=word_of(deletion, known.settings),
        account=inventory.account,
    )


async def look(deletion: Deletion, organization: Organization, context: Context) -> Known:
    """What PSAs, sources, persons and the file say of the organization now.

    Raises:
        PsaError: a PSA that is to be asked did not say.
    """
    said = await heard(deletion, organization, context)
    protection = await protection_of(
        organization,
        context.settings.policy.protected_ids,
        context.ledger.protections,
        context.clock(),
    )
    clients = dict.fromkeys(
        (*deletion.identities, *clients_of(organization, context.settings.sources))
    )
    forms = dict.fromkeys((*known_as_all(organization), *forms_of(deletion.request)))
    standing = await context.ledger.registers.standing(tuple(clients), tuple(forms), deletion.id)
    return Known(context.settings, standing, protection, said)


async def heard(
    deletion: Deletion, organization: Organization, context: Context
) -> tuple[Said, ...]:
    """What the PSAs say of the organization's companies, where they are to be asked.

    Raises:
        PsaError: one of them did not say.
    """
    sources = context.settings.sources
    by, named = deletion.source, deletion.identities
    asked = questions(deletion.request, by, organization, sources, named)
    answers = await ask(asked, context.companies) if asked else ()
    name = deletion.request.org_name or deletion.known_name
    return tuple(
        weighed(question, company, organization, name)
        for question, company in zip(asked, answers, strict=True)
    )


async def make_plan(deletion: Deletion, context: Context) -> tuple[Plan, Known]:
    """A fresh plan, and what it rests on beside IT Glue's answers."""
    found = await resolve(context.itglue, deletion.request)
    settings, now = terms_of(deletion, context.settings), context.clock()
    organization, (inventory, activity) = await both(
        _whole(context.itglue, found),
        both(
            context.itglue.inventory(found),
            _activity(context.itglue, found.id, settings.policy.min_idle_days, now),
        ),
    )
    if activity is not None and not activity.read:
        warnings = (*inventory.warnings, "user metrics may not be read with this API key")
        inventory = replace(inventory, warnings=warnings)
    if inventory.account is not None:
        seen = replace(inventory.account, base_url=normalised(settings.itglue.base_url))
        inventory = replace(inventory, account=seen)
    known = await look(deletion, organization, context)
    return judged(deletion, organization, inventory, activity, settings, now, known), known


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
    back = _reactivated(deletion, plan, known, now)
    change = (
        back.with_fields(**_stored(plan, settings))
        if back is not None
        else _weighed(deletion, plan, settings, now)
    )
    fields: dict[str, str | int] = {
        "watch": known.standing.encoded_watch(),
        "plan_declines": known.standing.declines,
        "plan_doubts": known.standing.said_doubts,
        "forms": json.dumps([f"org:{plan.organization.id}"]),
    }
    if deletion.pinned is None:
        fields["pinned"] = json.dumps(plan.subject())
    if known.said:
        change = replace(change, journal=(told(known.said), *change.journal))
    return change.with_fields(**fields)


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
        if deletion.intent.unanswered:
            return keep_looking(deletion, now, line)
        error = ErrorEntry("Cancelled", words, rfc3339(now))
        return end(CANCELLED, line, errors=(error,))
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
    if deletion.intent.unanswered:
        return keep_looking(deletion, now, line)
    error = ErrorEntry("Cancelled", "the client is active again", rfc3339(now))
    return end(CANCELLED, line, errors=(error,))


def _weighed(deletion: Deletion, plan: Plan, settings: Settings, now: datetime) -> Change:
    granted = deletion.granted
    moved = granted.moved(plan) if granted is not None else ()
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
    """Plan, and decide what follows.

    Raises:
        AccountChanged: IT Glue answered for another account than the record is for.
        PsaError: a PSA that is to be asked did not say.
    """
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
