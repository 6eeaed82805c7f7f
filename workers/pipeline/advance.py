"""Advance one deletion: take its lease, do the steps that are due, write what happened, stop.

Running it twice changes nothing: the second taker finds the lease held, the deletion not due, or
the deletion ended.
"""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from adapters.errors import (
    CallsStopped,
    DeletionBlocked,
    InvalidIdentifier,
    ITGlueConnectionError,
    OrganizationNotFound,
    PermissionDenied,
    Postponed,
    PsaError,
    UnglueError,
)
from workers.ledger.deleting.deletions import Change
from workers.ledger.installation.account import AccountChanged
from workers.ledger.installation.stop_switch import ACCOUNT_CHANGED, KEY_REFUSED
from workers.ledger.records import Deletion
from workers.pipeline.states import FAILED, RETRYING, RUNNING
from workers.pipeline.steps import approve, delete, export, plan, soft_delete, unanswered, verify
from workers.pipeline.steps.outcome import Context, again, fail, stand_still, wait
from workers.pipeline.steps.verify import keep_looking, look_again, unverified
from workers.pipeline.terms import terms_of
from workers.processes.lease import under_lease
from workers.times.clock import to_ms
from workers.traces import tracing

STEPS: Mapping[str, Callable[[Deletion, Context], Coroutine[Any, Any, Change]]] = MappingProxyType(
    {
        "plan": plan.run,
        "approve": approve.run,
        "export": export.run,
        "delete": delete.run,
        "soft_delete": soft_delete.run,
        "unanswered": unanswered.run,
        "verify": verify.run,
    }
)
# An organization that keeps moving must not keep a worker.
_MOST_STEPS = 10
_MOST_DEATHS = 3
_LOOK_AGAIN = timedelta(minutes=5)
_ASK_SILENT = timedelta(minutes=1)
# Seldom: a PSA may lock an account that is refused often.
_ASK_REFUSED = timedelta(minutes=15)
PSA_REFUSED: Final = "psa_refused"


async def advance(deletion_id: str, context: Context) -> Deletion | None:
    """The deletion afterwards, or `None` if there was nothing for us. Raises Fenced."""
    held = await context.ledger.deletions.lease(deletion_id, context.clock())
    if held is None:
        return None
    with tracing.span("advance", "consumer", held.trace) as span:
        span.note("unglue.deletion_id", deletion_id)
        if not held.trace:
            await context.ledger.store.carry_trace(deletion_id)
        held = await _advanced(held, context)
        span.note("unglue.state", held.state)
    return held


async def _advanced(held: Deletion, context: Context) -> Deletion:
    requests = held.requests - context.itglue.requests
    for _ in range(_MOST_STEPS):
        began = context.clock()
        with tracing.span(f"step {held.step}"):
            change = await _step(held, context)
        context.tally.stepped(held.step, (context.clock() - began).total_seconds())
        change = change.with_fields(requests=requests + context.itglue.requests)
        held = await context.ledger.deletions.record(held, change, context.clock())
        if held.state != RUNNING:
            return held
    moving = ITGlueConnectionError("the organization keeps changing while it is looked at")
    rest = await _failed(held, moving, context)
    return await context.ledger.deletions.record(held, rest, context.clock())


async def _step(held: Deletion, context: Context) -> Change:
    if held.deaths >= _MOST_DEATHS:
        return _parked(held, context)
    try:
        step = STEPS[held.step](held, context)
        return await under_lease(step, "deletion", held, context.ledger, context.clock)
    except CallsStopped as error:
        return _stopped(held, error.until)
    except Postponed as error:
        line = {"entry": "postponed", "step": held.step}
        return wait(RETRYING, held.step, error.until, line, attempts=held.attempts)
    except AccountChanged as error:
        line = {"entry": "postponed", "step": held.step, "why": ACCOUNT_CHANGED}
        line["detail"] = error.message
        until = context.clock() + _LOOK_AGAIN
        return stand_still(held, ACCOUNT_CHANGED, until, line, attempts=held.attempts)
    except PsaError as error:
        return await _unsaid(held, error, context)
    except (
        OrganizationNotFound,
        InvalidIdentifier,
        PermissionDenied,
        ITGlueConnectionError,
    ) as error:
        return await _failed(held, error, context)


def _stopped(held: Deletion, until: datetime) -> Change:
    """Nothing is asked of IT Glue until a person resumes."""
    line = {"entry": "postponed", "step": held.step, "why": KEY_REFUSED}
    return stand_still(held, KEY_REFUSED, until, line, attempts=held.attempts)


async def _unsaid(held: Deletion, error: PsaError, context: Context) -> Change:
    """A PSA that is to be asked did not say: nothing is deleted on older news.

    Refused credentials are a person's to cure, so that waits. What passes by itself is waited for
    as long as for IT Glue's status to follow the PSA's.
    """
    now = context.clock()
    line = {"entry": "psa_silent", "step": held.step, "source": error.source}
    line |= {"code": error.code, "detail": error.message}
    if held.intent.unanswered:
        # A call may have worked, so this can only end by what is seen.
        return keep_looking(held, now, line)
    if not error.retryable:
        notices = context.ledger.notices
        detail = {"deletion_id": held.id, "source": error.source, "detail": error.message}
        await notices.write(PSA_REFUSED, detail, now, once=error.source)
        until = now + _ASK_REFUSED
        return stand_still(held, PSA_REFUSED, until, line, attempts=held.attempts)
    last = plan.eligible_until(held, terms_of(held, context.settings).policy, now)
    if now >= last:
        return fail(FAILED, error, now, line)
    until = min(now + max(_ASK_SILENT, timedelta(seconds=error.retry_after or 0)), last)
    return stand_still(
        held, "psa_silent", until, line, attempts=held.attempts, eligible_until=to_ms(last)
    )


async def _failed(held: Deletion, error: UnglueError, context: Context) -> Change:
    if held.intent.unsettled:
        return _after_the_call(held, error, context)
    if isinstance(error, PermissionDenied) and await context.ledger.stop_switch.key_stopped():
        # The key is at fault, and this deletion need not fail for it.
        return _stopped(held, context.clock() + _LOOK_AGAIN)
    if not error.retryable:
        return fail(FAILED, error, context.clock())
    return again(held, error, context, held.step)


def _after_the_call(held: Deletion, error: UnglueError, context: Context) -> Change:
    """A failure once a call may have gone out: only reading ends this, not the failure."""
    now = context.clock()
    line = {"entry": "attempt", "step": held.step, "code": error.code}
    since = held.looking_since
    # What the key may not read shows nothing, and not to find it proves nothing: the next look ends
    # it, or waits for a better key.
    open_yet = isinstance(error, PermissionDenied | OrganizationNotFound)
    if now >= since + context.settings.policy.verify_window and not open_yet:
        return unverified(held, now, line)
    return wait(RETRYING, "unanswered", look_again(now - since, now), line)


def _parked(held: Deletion, context: Context) -> Change:
    """A deletion that ends its worker again and again is not given to another one."""
    now = context.clock()
    line = {"entry": "parked", "deaths": held.deaths}
    if held.intent.unsettled:
        return unverified(held, now, line)
    message = (
        f"it ended its worker {held.deaths} times in step {held.step} and was parked; "
        "look into the workers' logs, then replay it"
    )
    return fail(FAILED, DeletionBlocked(message), now, line)
