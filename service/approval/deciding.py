"""Approving and rejecting, whatever way an operator came: every refusal is audited."""

from typing import Final, Literal

import structlog

from adapters.errors import InvalidIdentifier, InvalidRequest, RoleMissing
from service.access.operators import Caller
from service.api.state import ServiceState
from service.approval.names import difference
from workers.ledger.records import Deletion, ErrorEntry

log = structlog.get_logger()
LONGEST_REASON: Final = 2000


async def approve(
    state: ServiceState, caller: Caller, shown: Deletion, *,
    seen: str, force: bool, reason: str, org_name: str | None,
) -> None:  # fmt: skip
    """Approve what was shown; `org_name` is what the approver typed, if he was asked to.

    Raises:
        RoleMissing: the operator may not approve, or asked for it.
        InvalidIdentifier: another name was typed.
        InvalidRequest: the reason is too long.
        Conflict: it does not wait for this approval, or moved since it was shown.
    """
    await _require_role(state, caller, shown, "approve")
    _require_short(reason)
    if org_name is not None:
        name = shown.plan.organization.name if shown.plan else ""
        why = difference(org_name, name)
        if why is not None:
            await audit_refusal(state, "approve", shown, caller.name, "name")
            raise InvalidIdentifier(why)
    job = await state.ledger.approvals.approve(
        shown, seen=seen, operator=caller.name, force=force, reason=reason, now=state.clock()
    )
    log.info("approved", deletion_id=shown.id, operator=caller.name)
    if job is not None:
        await state.jobs.advance(shown.id, job)


async def reject(state: ServiceState, caller: Caller, shown: Deletion, *, reason: str) -> None:
    """Reject it, with a reason. Raises RoleMissing, InvalidRequest, Conflict."""
    await _require_role(state, caller, shown, "reject")
    if not reason.strip():
        raise InvalidRequest("reason: say why, for whoever asked for it")
    _require_short(reason)
    now = state.clock()
    error = ErrorEntry.cancelled(f"rejected by operator {caller.name}: {reason}", now)
    await state.ledger.approvals.reject(
        shown.id, operator=caller.name, reason=reason, error=error, now=now
    )
    log.info("rejected", deletion_id=shown.id, operator=caller.name)


def _require_short(reason: str) -> None:
    if len(reason) > LONGEST_REASON:
        raise InvalidRequest(f"the reason is longer than {LONGEST_REASON} characters")


async def _require_role(
    state: ServiceState, caller: Caller, shown: Deletion, what: Literal["approve", "reject"]
) -> None:
    try:
        caller.require("approve")
    except RoleMissing:
        await audit_refusal(state, what, shown, caller.name, "role")
        raise


async def audit_refusal(
    state: ServiceState, what: str, shown: Deletion, operator: str | None, why: str
) -> None:
    """Write down who was refused."""
    detail = {"deletion_id": shown.id, "operator": operator, "why": why}
    detail = {name: value for name, value in detail.items() if value is not None}
    await state.ledger.audit.write_seldom(f"{what}_refused", detail, state.clock())
