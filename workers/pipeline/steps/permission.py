"""Permission: look once more, then ask the one script that may grant a call."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from adapters.errors import DeletionBlocked, OrganizationNotFound
from workers.audit.in_force import policy_digest
from workers.itglue.account import measured
from workers.itglue.models import Organization
from workers.ledger.deleting.deletions import Begun, Change, Conditions, Fenced
from workers.ledger.records import Deletion
from workers.pipeline.limits import Limit, limits_of
from workers.pipeline.plan import Plan
from workers.pipeline.states import BLOCKED, RETRYING
from workers.pipeline.steps.approve import hold, wanted
from workers.pipeline.steps.facts import judged, look
from workers.pipeline.steps.grace import period, until
from workers.pipeline.steps.outcome import Context, cancel, fail, go_on, stand_still, wait
from workers.pipeline.steps.plan import following
from workers.pipeline.steps.verify import keep_looking, unverified
from workers.pipeline.terms import terms_of
from workers.psa.asking import Said, told

log = structlog.get_logger()
PLAN_LASTS = timedelta(seconds=60)
PAUSED: Final = "paused"
NOT_UNDERSTOOD: Final = "not_understood"
_ASK_AGAIN = {
    # Whoever resumes makes what waits due at once.
    PAUSED: timedelta(minutes=5),
    "in_flight": timedelta(seconds=2),
    "unproved_events": timedelta(seconds=60),
    NOT_UNDERSTOOD: timedelta(seconds=60),
    "unspooled": timedelta(seconds=15),
    "not_durable": timedelta(seconds=5),
    "configuration_differs": timedelta(seconds=30),
    "clock_off": timedelta(seconds=60),
    "server_restarted": timedelta(seconds=2),
    "no_service": timedelta(seconds=15),
    # By the server's clock, where ours is a little ahead.
    "too_early": timedelta(seconds=2),
}
# What a person or another worker ends, and what the deletion says that it waits for.
_STANDS_STILL = {
    PAUSED: PAUSED,
    "ledger_changed": PAUSED,
    "configuration_differs": "configuration_differs",
    NOT_UNDERSTOOD: NOT_UNDERSTOOD,
}
_ONLY_LOOKS = {
    *_STANDS_STILL, "reactivated", "limit", "unproved_events", "unspooled", "clock_off",
    "before_acceptance", "server_restarted", "no_service",
}  # fmt: skip
_PLAN_ANEW = {"plan_moved", "protected", "unapproved", "too_early", "other_account"}
_CANCELLED = {
    "reactivated": "the client is active again",
    "before_acceptance": (
        "it was asked for before the ledger was lost and accepted as it is, and what happened "
        "since may be missing from it; if it is still wanted, ask again"
    ),
}


@dataclass(frozen=True, slots=True)
class Permission:
    """One call may go out for this organization, under this number, before the lease ends.

    `said` is what the PSAs said that were asked right before.
    """

    org_id: str
    number: int
    until: datetime
    said: tuple[Said, ...] = ()

    def noted(self, change: Change) -> Change:
        """What the call came to, with what the PSAs had said in the journal before it."""
        if not self.said:
            return change
        return replace(change, journal=(told(self.said), *change.journal))

    def require_in_time(self, now: datetime) -> None:
        """Asked right before the bytes go out: a process may be held up at any line.

        Raises Fenced: too late. Whoever took over reads before anything is sent again.
        """
        if now >= self.until:
            raise Fenced(f"call {self.number} was held up until its permission had ended")


async def permission(deletion: Deletion, context: Context) -> Permission | Change:
    """The permission, or what happens instead.

    A plan older than 60 s is made again. A younger one only re-reads the organization, and whose
    account it is where another worker made the plan, and asks the PSAs again where they are asked.

    Raises:
        PsaError: a PSA that is to be asked did not say.
        OrganizationNotFound: it is gone, and not by us.
        Fenced: somebody else took over, or this process was held up.
    """
    plan = deletion.plan
    settings = terms_of(deletion, context.settings)
    policy = settings.policy
    if deletion.waits_for == PAUSED and await context.ledger.stop_switch.pauses():
        # It was told before, and nothing is read meanwhile for a call that may not be made.
        return _refused(Begun(PAUSED), deletion, context)
    if plan is None or context.clock() - plan.made_at > PLAN_LASTS:
        return go_on("plan", {"entry": "plan_aged"})
    configuration = policy_digest(context.settings)
    # What was read for it was read for its own questions: activity since so many days, whose words.
    other = plan.configuration != configuration
    if other or following(deletion, plan, settings, context.clock()) != deletion.step:
        # The configuration changed, an approval is missing, or the export is no longer on disk.
        return go_on("plan", {"entry": "policy_moved"})
    organization = await _shown(plan, deletion, context)
    if isinstance(organization, Change):
        return organization
    known = await look(deletion, organization, context)
    fresh = judged(
        deletion,
        organization,
        plan.inventory,
        plan.activity,
        settings,
        plan.made_at,
        known,
    )
    moved = plan.moved(fresh)
    if moved:
        lines = [told(known.said)] if known.said else []
        return go_on("plan", *lines, {"entry": "plan_moved", "moved": list(moved)})

    limits = await _limits(deletion, context)
    asked = await context.ledger.store.server_ms()
    now = context.clock()
    begun = await context.ledger.deletions.begin_delete(
        deletion,
        kind="soft_delete" if policy.mode == "soft_delete" else "delete",
        org_id=organization.id,
        digest=plan.digest,
        resend_after=policy.resend_after,
        limits=limits,
        now=now,
        conditions=Conditions(
            approval=wanted(deletion, plan, settings) is not None,
            grace=period(deletion, context.settings),
            asked=asked,
            configuration=configuration,
            answered=timedelta(seconds=context.settings.itglue.timeout_seconds),
        ),
    )
    if begun.decision == "not_durable":
        return _unsent(begun, deletion, now)
    if begun.decision != "begun":
        return _refused(begun, deletion, context)
    until_then = now + context.settings.worker.lease
    return Permission(organization.id, begun.number, until_then, known.said)


async def _shown(plan: Plan, deletion: Deletion, context: Context) -> Organization | Change:
    """The organization as it is now in the account of the plan, or what happens instead."""
    seen = plan.account
    if seen and not context.itglue.saw_account and await context.itglue.primary() != seen.primary:
        # Another worker made the plan, perhaps with another key.
        return go_on("plan", {"entry": "plan_moved", "moved": ["account"]})
    organization = await context.itglue.organization(plan.organization.id)
    if organization is None:
        if deletion.intent.unanswered:
            # An earlier call may have worked: reading alone decides.
            return wait(RETRYING, "unanswered", context.clock(), {"entry": "vanished"})
        raise OrganizationNotFound(
            f"organization {plan.organization.id} was there when the plan was made and is gone "
            "now; Unglue did not delete it"
        )
    return organization


def _only_here(decision: str, deletion: Deletion, context: Context) -> bool:
    """Whether the grace period is over by this machine's clock, and not yet by the server's."""
    plan, now = deletion.plan, context.clock()
    over = plan is not None and until(deletion, plan, context.settings, now) <= now
    return decision == "too_early" and over


def _unsent(begun: Begun, deletion: Deletion, now: datetime) -> Change:
    """An intent that Redis may lose: a call that nobody would remember is not made."""
    until = now + _ASK_AGAIN["not_durable"]
    line = {"entry": "not_sent", "why": begun.decision, "number": begun.number}
    if deletion.intent.unanswered:
        # The call before this one may yet be carried out.
        return wait(RETRYING, "unanswered", until, line)
    return wait(RETRYING, deletion.step, until, line, intent_state="refused")


async def _limits(deletion: Deletion, context: Context) -> tuple[Limit, ...]:
    """The limits, and how large the account is if one of them asks."""
    organizations = None
    if context.settings.policy.max_share_of_organizations is not None:
        organizations = await context.ledger.account.organizations(context.clock())
        if organizations is None:
            organizations = await measured(context)
    return limits_of(deletion, context.settings, organizations)


def _refused(begun: Begun, deletion: Deletion, context: Context) -> Change:
    now = context.clock()
    line = {"entry": "not_begun", "why": begun.decision}
    match begun.decision:
        case "accepted_before":
            return go_on("verify", line)
        case decision if decision in _PLAN_ANEW and not _only_here(decision, deletion, context):
            # The next plan says by whom it is protected, and why, or asks for the approval.
            return go_on("plan", line)
        case decision if decision in _ONLY_LOOKS and deletion.intent.unanswered:
            # However long it lasts: what may be deleted already is reported in time.
            return keep_looking(deletion, now, line)
        case decision if decision in _STANDS_STILL:
            # Whoever resumes, or another worker, may go on.
            log.warning("not_begun", deletion_id=deletion.id, why=decision, by=begun.holder)
            line |= {"by": begun.holder} if begun.holder else {}
            why = _STANDS_STILL[decision]
            return stand_still(deletion, why, now + _ASK_AGAIN[why], line)
        case (
            "in_flight" | "unproved_events" | "unspooled" | "clock_off" | "too_early"
            | "server_restarted" | "no_service"
        ):  # fmt: skip
            return wait(RETRYING, deletion.step, now + _ASK_AGAIN[begun.decision], line)
        case "moved_on":
            return unverified(deletion, now, line)
        case "reactivated" | "before_acceptance":
            return cancel(_CANCELLED[begun.decision], now, line)
        case "claimed":
            message = f"claimed: deletion {begun.holder} acts on this organization already"
            return fail(BLOCKED, DeletionBlocked(message), now, line)
        case "limit":
            return hold(deletion, context, {**line, "limit": begun.holder})
        case _:
            raise Fenced(f"deletion {deletion.id} was taken over while this worker was away")
