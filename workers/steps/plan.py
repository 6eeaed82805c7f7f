"""Plan: resolve the organization, count what hangs on it, ask every gate, decide.

Reads only. The same plan is what a dry run shows and what a deletion acts on.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.errors import DeletionBlocked, ITGlueConnectionError
from workers.clock import to_ms
from workers.gates import judge
from workers.gates.subject import Subject
from workers.itglue.models import Inventory, Organization
from workers.ledger.deletions import Change
from workers.ledger.records import Deletion, ErrorEntry
from workers.plan import Plan
from workers.settings import PolicySettings
from workers.states import AWAITING_ELIGIBILITY, BLOCKED, PREVIEWED
from workers.steps.outcome import Context, end, go_on, wait
from workers.steps.resolve import resolve

_RECHECKS_PER_WINDOW = 24
_SYNCED = (
    "linked to a PSA: if it is still synced IT Glue refuses the deletion, or creates it anew with "
    "the next sync; make the company inactive in the PSA, or stop its sync, first"
)


def judged(
    deletion: Deletion,
    organization: Organization,
    inventory: Inventory,
    policy: PolicySettings,
    now: datetime,
) -> Plan:
    """The plan of these facts: pure."""
    subject = Subject(
        request=deletion.request,
        organization=organization,
        inventory=inventory,
        policy=policy,
        by_webhook=deletion.by_webhook,
    )
    warnings = inventory.warnings
    if organization.psa_ids and _SYNCED not in warnings:
        warnings = (*warnings, _SYNCED)
    return Plan(
        made_at=now,
        organization=organization,
        counts=inventory.counts,
        sub_organizations=inventory.sub_organizations,
        answers=judge(subject),
        warnings=warnings,
    )


async def make_plan(deletion: Deletion, context: Context) -> Plan:
    """A fresh plan.

    A list answer cuts quick notes to 250 characters (facts of the vendor's documentation), and a
    tag may stand behind that, so the organization is read by its id as well.
    """
    found = await resolve(context.itglue, deletion.request)
    organization, inventory = await asyncio.gather(
        context.itglue.organization(found.id), context.itglue.inventory(found)
    )
    if organization is None:
        raise ITGlueConnectionError(
            f"IT Glue lists organization {found.id} and does not show it by its id"
        )
    return judged(deletion, organization, inventory, context.settings.policy, context.clock())


def _eligible_until(deletion: Deletion, policy: PolicySettings, now: datetime) -> datetime:
    return deletion.eligible_until or now + policy.eligibility_window


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


def decide(deletion: Deletion, plan: Plan, policy: PolicySettings, now: datetime) -> Change:
    """What follows from a plan: pure."""
    mode = policy.mode
    stored = {"plan": plan.model_dump_json(), "plan_digest": plan.digest, "mode": mode}
    line = {
        "entry": "planned",
        "org_id": plan.organization.id,
        "digest": plan.digest,
        "refused": [answer.gate for answer in plan.refusals],
    }
    if deletion.request.dry_run or mode == "preview":
        return end(PREVIEWED, line).with_fields(**stored)
    if not plan.refusals:
        return go_on("delete", line).with_fields(**stored)

    lagging = all(answer.lags for answer in plan.refusals)
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
    return decide(deletion, plan, context.settings.policy, context.clock())
