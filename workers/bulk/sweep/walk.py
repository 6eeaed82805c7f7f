"""Walk through a sweep: look at all organizations, check each candidate, request the deletions.

A slice of the work ends after a while, and goes on where it was: every page and every candidate
is recorded when it is done. Nothing is filtered by IT Glue, so that a filter that it ignores
cannot widen anything; each organization is judged by itself, twice.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from pydantic import ValidationError

from adapters.errors import (
    ConfigurationError,
    ITGlueConnectionError,
    PermissionDenied,
    Postponed,
    UnglueError,
)
from adapters.models import DeletionRequest
from workers.audit.chain import Head
from workers.audit.in_force import policy_digest
from workers.bulk.sweep.criteria import allowed, narrowed, unmet
from workers.bulk.sweep.others import acting, standing
from workers.bulk.sweep.summary import callback_body, summary_of
from workers.itglue.http.failures import AnswerTimedOut, AnswerTooLarge, CallFailed
from workers.itglue.models import Organization
from workers.ledger.bulk.sweeps import End, Progress, Row, Sweep
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.network.retry import decide
from workers.pipeline.identity.identities import clients_of, known_as_all
from workers.pipeline.steps.facts import activity_of
from workers.pipeline.steps.outcome import Context
from workers.pipeline.terms import known_as
from workers.processes.lease import under_lease
from workers.processes.queue import Enqueue
from workers.settings.schedules import Schedule

log = structlog.get_logger()
SLICE: Final = timedelta(seconds=40)
_SIZES: Final = (500, 250, 100)
_MOST_PAGES: Final = 2000
_MOST_DEATHS: Final = 3
_LOOK_AGAIN: Final = timedelta(seconds=30)
_NOT_LISTED: Final = "only: it is none of those that the sweep was asked for"
NewId = Callable[[str], str]


@dataclass(slots=True)
class Walk:
    """One slice of one sweep: what it works with, and what it knows so far."""

    sweep: Sweep
    context: Context
    schedule: Schedule
    rows: dict[str, Row]
    open: list[Deletion]
    head: Head | None
    enqueue: Enqueue
    new_id: NewId

    async def step(self) -> Progress:
        """The next thing that is due."""
        match self.sweep.state:
            case "looking":
                return await self._look()
            case "checking":
                return await self._check()
            case _:
                return await self._request()

    # -- looking ---------------------------------------------------------------------------------

    async def _look(self) -> Progress:
        """One page of all organizations."""
        sweep = self.sweep
        size = sweep.size or _SIZES[0]
        try:
            page = await self.context.itglue.organizations_page(sweep.page, size)
        except (AnswerTimedOut, AnswerTooLarge):
            smaller = next((each for each in _SIZES if each < size), None)
            if smaller is None:
                raise
            return Progress({"size": smaller, "page": 1, "total": ""})
        own = [each.id for each in page.rows if each.primary]
        if len(own) == 1:
            await self.context.ledger.account.recognise(own[0], self.context.clock())
        new = [each for each in page.rows if each.id not in self.rows]
        rows = await self._judged(new)
        fields: dict[str, str | int] = {"size": size, "attempts": 0}
        fields["total"] = "" if page.total is None else page.total
        if len(page.rows) < size if page.total is None else sweep.page * size >= page.total:
            return Progress({**fields, "state": "checking"}, rows)
        if sweep.page >= _MOST_PAGES:
            raise CallFailed(f"the list of organizations does not end after {_MOST_PAGES} pages")
        shrunk = sweep.total is not None and page.total is not None and page.total < sweep.total
        if shrunk:
            # Rows moved up while we were reading: what slipped stands on the page before.
            return Progress({**fields, "page": max(1, sweep.page - 1)}, rows)
        if not new and len(self.rows) < (sweep.page - 1) * size:
            raise CallFailed("IT Glue repeats a page of organizations")
        return Progress({**fields, "page": sweep.page + 1}, rows)

    async def _judged(self, organizations: list[Organization]) -> tuple[Row, ...]:
        now, policy = self.context.clock(), self.context.settings.policy
        held = {each.org_id: each for each in await self.context.ledger.protections.all()}
        return tuple(
            Row(
                each.id,
                each.name,
                each.status,
                (_NOT_LISTED,)
                if self.sweep.only and each.id not in self.sweep.only
                else unmet(
                    each,
                    self.schedule,
                    policy,
                    now,
                    protected=held.get(each.id),
                    psa_sources=self.context.settings.psa_sources,
                ),
            )
            for each in organizations
        )

    # -- checking --------------------------------------------------------------------------------

    async def _check(self) -> Progress:
        """One candidate by itself; after the last one, whether they are few enough."""
        row = next((each for each in self.rows.values() if each.met and not each.checked), None)
        if row is None:
            return self._counted()
        checked = await self._checked(row)
        return Progress({"attempts": 0}, (replace(checked, checked=True),))

    async def _checked(self, row: Row) -> Row:
        context, schedule = self.context, self.schedule
        policy, ledger = context.settings.policy, context.ledger
        organization = await context.itglue.organization(row.org_id)
        if organization is None:
            return replace(row, why=("gone: IT Glue lists it and does not show it",), skipped=True)
        seen = replace(row, name=organization.name, status=organization.status)
        judge = partial(
            unmet,
            organization,
            schedule,
            policy,
            protected=await ledger.protections.get(organization.id),
            psa_sources=context.settings.psa_sources,
        )
        why = judge(context.clock())
        days = narrowed(policy, schedule).min_idle_days
        if not why and (
            activity := await activity_of(context.itglue, organization.id, days, context.clock())
        ):
            why = judge(context.clock(), activity=activity)
        if why:
            return replace(seen, why=why)
        other = acting(organization, self.open) or await ledger.sweeps.claimed_by(organization.id)
        if other is not None:
            return replace(seen, why=(f"open_deletion: {other}",), skipped=True)
        clients = clients_of(organization, context.settings.sources)
        known = await ledger.registers.standing(clients, known_as_all(organization))
        reason, watch = standing(known)
        if reason is not None:
            return replace(seen, why=(reason,), skipped=True)
        return replace(seen, watch=watch)

    def _counted(self) -> Progress:
        found = sum(row.met for row in self.rows.values())
        if self.sweep.preview:
            return self.over("finished")
        most = allowed(self.schedule, len(self.rows))
        if found <= most:
            return Progress({"state": "requesting"})
        detail = {
            "sweep_id": self.sweep.id,
            "schedule": self.sweep.schedule,
            "candidates": found,
            "allowed": most,
            "advice": f"look at them: unglue sweep {self.sweep.schedule} --dry-run; if they are "
            "right, raise limit or max_share of the schedule and sweep again",
        }
        return self.over("held", notice={"kind": "held_by_limit", "detail": detail})

    # -- requesting ------------------------------------------------------------------------------

    async def _request(self) -> Progress:
        """One candidate's deletion request."""
        row = next(
            (each for each in self.rows.values() if each.met and each.deletion_id is None), None
        )
        if row is None:
            return self.over("finished")
        sweep, context = self.sweep, self.context
        asked = f", asked for by {sweep.by}" if sweep.by else ""
        try:
            request = DeletionRequest(
                org_id=row.org_id,
                org_name=row.name,
                confirm_delete=self.schedule.confirm_delete,
                dry_run=self.schedule.dry_run,
                reason=f"sweep {sweep.id} of schedule {sweep.schedule}{asked}",
            )
        except ValidationError:
            why = "name_unusable: its name is empty, too long or has control characters"
            return Progress(rows=(replace(row, why=(why,), skipped=True),))
        url = context.settings.callback.url or ""
        deletion_id, job = await context.ledger.sweeps.request(
            sweep,
            row,
            self.new_id("del"),
            request,
            url,
            context.clock(),
            context.settings.policy.mode,
            known_as(sweep.by, context.settings),
        )
        if job is not None:
            await self.enqueue(deletion_id, job)
        return Progress(rows=(replace(row, deletion_id=deletion_id),))

    # -- the end ---------------------------------------------------------------------------------

    def over(
        self, state: str, *, notice: dict[str, object] | None = None,
        error: UnglueError | None = None,
    ) -> Progress:  # fmt: skip
        """The end of the sweep, with its summary."""
        return ending(
            self.sweep, self.context, self.schedule, self.rows, state,
            head=self.head, notice=notice, error=error,
        )  # fmt: skip


def ending(
    sweep: Sweep, context: Context, schedule: Schedule | None, rows: dict[str, Row], state: str,
    *, head: Head | None, notice: dict[str, object] | None = None,
    error: UnglueError | None = None,
) -> Progress:  # fmt: skip
    """The end of a sweep, with its summary."""
    now = context.clock()
    summary = summary_of(sweep, state, schedule, rows.values(), now, head=head, error=error)
    own = schedule.callback_url if schedule else None
    target = own or context.settings.callback.url or ""
    counts = {key: summary[key] for key in ("looked_at", "met", "requested")}
    audit = {"sweep_id": sweep.id, "schedule": sweep.schedule, "state": state, **counts}
    # Who looked at a preview has it before him.
    end = End(audit, notice, "" if sweep.preview else target, callback_body(summary))
    return Progress({"state": state, "summary": json.dumps(summary)}, end=end)


def failed(walk: Walk, error: UnglueError) -> Progress:
    """What follows an error of IT Glue: a wait, or the end."""
    sweep, context = walk.sweep, walk.context
    now = context.clock()
    if isinstance(error, Postponed):
        return Progress(until=error.until)
    decision = decide(
        error,
        attempt=sweep.attempts + 1,
        max_attempts=context.settings.worker.max_attempts,
        now=now,
        random=context.random,
        retry_after=getattr(error, "retry_after", None),
    )
    if decision.at is not None:
        return Progress({"attempts": sweep.attempts + 1}, until=decision.at)
    detail = {"sweep_id": sweep.id, "schedule": sweep.schedule, "error": error.message}
    return walk.over("failed", notice={"kind": "failed", "detail": detail}, error=error)


def _moved() -> ConfigurationError:
    return ConfigurationError(
        "the configuration is another one than when this sweep began, so what it found was found "
        "by other criteria; sweep again"
    )


async def _books(
    ledger: Ledger, sweep_id: str
) -> tuple[dict[str, Row], list[Deletion], Head | None]:
    """What is known: of the organizations, of the open deletions, and the head of the audit log."""
    rows, state = await ledger.sweeps.rows(sweep_id), await ledger.audit_log.state()
    return rows, await ledger.listing.open(), state.head


async def advance_sweep(
    sweep_id: str, context: Context, enqueue: Enqueue, new_id: NewId
) -> Sweep | None:
    """One slice of a sweep: how it stands then, if there was anything to do. Raises Fenced."""
    ledger = context.ledger
    sweep = await ledger.sweeps.lease(sweep_id, context.clock())
    if sweep is None:
        return None
    configuration = policy_digest(context.settings)
    if await ledger.in_force.digest() not in {configuration, None}:
        # Which it asks for, and how many, is for a part on the file in force to say.
        log.warning("sweep_left", sweep_id=sweep.id, why="configuration_differs")
        left = Progress(until=context.clock() + _LOOK_AGAIN)
        return await ledger.sweeps.record(sweep, left, context.clock())
    schedule = context.settings.sweeps.get(sweep.schedule)
    # Of a large account that takes its time, too.
    reading = _books(ledger, sweep_id)
    rows, deletions, head = await under_lease(reading, "sweep", sweep, ledger, context.clock)
    if schedule is None:
        gone = ConfigurationError(f"there is no schedule {sweep.schedule} any more")
        end = ending(sweep, context, None, rows, "failed", head=head, error=gone)
        return await ledger.sweeps.record(sweep, end, context.clock())
    walk = Walk(sweep, context, schedule, rows, deletions, head, enqueue, new_id)
    if sweep.configuration not in {configuration, ""}:
        return await ledger.sweeps.record(sweep, failed(walk, _moved()), context.clock())
    if sweep.deaths >= _MOST_DEATHS:
        killed = UnglueError(
            f"it ended its worker {sweep.deaths} times in a row while {sweep.state}; look into the "
            "workers' logs, then sweep again"
        )
        return await ledger.sweeps.record(sweep, failed(walk, killed), context.clock())
    stop = context.clock() + SLICE
    while True:
        try:
            progress = await under_lease(walk.step(), "sweep", walk.sweep, ledger, context.clock)
        except (ITGlueConnectionError, PermissionDenied) as error:
            progress = failed(walk, error)
        fields = {**progress.fields, "configuration": configuration}
        progress = replace(progress, fields=fields)
        if progress.end is None and progress.until is None and context.clock() >= stop:
            progress = replace(progress, until=context.clock())
        walk.sweep = await ledger.sweeps.record(walk.sweep, progress, context.clock())
        walk.rows.update({row.org_id: row for row in progress.rows})
        if progress.end is not None or progress.until is not None:
            return walk.sweep
