"""What a step comes to: go on, wait, or end. Values, so that a step can be tested by its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from adapters.errors import UnglueError
from workers.itglue.client import ITGlue
from workers.itglue.tally import Tally
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry
from workers.network.retry import decide
from workers.pipeline.states import CANCELLED, FAILED, RETRYING, RUNNING
from workers.psa.companies import Companies, Nobody
from workers.settings import Settings
from workers.times.clock import Clock


@dataclass(frozen=True, slots=True)
class Context:
    """What steps work with; time and randomness among it, so that tests hand in their own."""

    ledger: Ledger
    itglue: ITGlue
    settings: Settings
    clock: Clock
    random: Random
    companies: Companies = field(default_factory=Nobody)
    tally: Tally = field(default_factory=Tally)


def go_on(step: str, *journal: Mapping[str, Any], **fields: str | int) -> Change:
    """The next step follows at once. Failed attempts still count: going round is no progress."""
    return Change(state=RUNNING, fields={"step": step, **fields}, journal=journal)


def wait(
    state: str, step: str, until: datetime, *journal: Mapping[str, Any], **fields: str | int
) -> Change:
    """The step is taken (again) when it is due."""
    fields = {"step": step, "attempts": 0, "waits_for": "", **fields}
    return Change(state=state, ready_at=until, fields=fields, journal=journal)


def stand_still(
    deletion: Deletion, why: str, until: datetime, line: Mapping[str, Any], **fields: str | int
) -> Change:
    """The step is taken when a person resumes; `until` looks again. What is no news is not said."""
    journal = () if deletion.waits_for == why else (line,)
    return wait(RETRYING, deletion.step, until, *journal, waits_for=why, **fields)


def end(
    state: str,
    *journal: Mapping[str, Any],
    errors: tuple[ErrorEntry, ...] = (),
    **fields: str | int,
) -> Change:
    """The deletion is over."""
    return Change(state=state, fields=fields, journal=journal, errors=errors)


def cancel(why: str, now: datetime, *journal: Mapping[str, Any]) -> Change:
    """The deletion is over: it is no longer wanted."""
    return end(CANCELLED, *journal, errors=(ErrorEntry.cancelled(why, now),))


def fail(state: str, error: UnglueError, now: datetime, *journal: Mapping[str, Any]) -> Change:
    """The deletion is over, for this reason."""
    return end(state, *journal, errors=(ErrorEntry.of(error, now),))


def again(
    deletion: Deletion,
    error: UnglueError,
    context: Context,
    step: str,
    *journal: Mapping[str, Any],
    waiting: str = RETRYING,
    at_last: tuple[str, UnglueError] | None = None,
    **fields: str | int,
) -> Change:
    """The step failed: back-off, or the end if trying again is of no use.

    `at_last` is the state in which it ends then and its error, if not failed and this one.
    """
    now = context.clock()
    attempt = deletion.attempts + 1
    decision = decide(
        error,
        attempt=attempt,
        max_attempts=context.settings.worker.max_attempts,
        now=now,
        random=context.random,
        retry_after=getattr(error, "retry_after", None),
    )
    line = {"entry": "attempt", "step": step, "code": error.code, "why": decision.why}
    if decision.at is None:
        state, reason = at_last or (FAILED, error)
        return fail(state, reason, now, *journal, line).with_fields(**fields)
    return wait(waiting, step, decision.at, *journal, line, attempts=attempt, **fields)
