"""`/v1/status`, `/v1/results`, `/v1/report`: how things stand, what was sent, what it came to."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidRequest
from service.api.answers import answer, invalid_fields
from service.api.openapi import answers
from service.api.report import Row, month_of, report
from service.api.routes.pause import plain
from service.api.state import ServiceState, caller_of, state_of
from workers.ledger.installation.condition import condition
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER, WORKER
from workers.times.clock import from_ms, to_ms

_STATES = ("pending", "delivered", "stopped", "dead")


async def status(request: Request) -> Response:
    """Counts by state, today's deletions and their limit, what waits longest, who is alive."""
    caller_of(request)
    return answer(answers.Status.model_validate(await standing(state_of(request))))


async def standing(state: ServiceState) -> dict[str, Any]:
    """The same, to show."""
    now, store = state.clock(), state.ledger.store
    seen = await state.ledger.measuring.now(now, state.settings.sources)
    at = to_ms(now)
    return {
        "at": now,
        "mode": state.settings.policy.mode,
        "redis": await condition(store.redis, store.key("probe")) or "ok",
        "deletions": dict(seen.deletions),
        "oldest": {name: from_ms(round(at - 1000 * age)) for name, age in seen.oldest.items()},
        "begun_within_24_hours": seen.begun,
        "max_deletions_per_day": state.settings.policy.max_deletions_per_day,
        "overdue": seen.overdue,
        "quarantined": sum(each.quarantined for each in seen.sources.values()),
        "holds": await state.ledger.holds.count(),
        "results_due": seen.results_due,
        "worker": WORKER in seen.beats,
        "other_configurations": len(await state.ledger.in_force.others(now)),
        "scheduler": SCHEDULER in seen.beats,
        "outbox": OUTBOX in seen.beats,
        "silent_receivers": sorted(await state.ledger.hosts.all_silent()),
        "failing_targets": sorted(
            set(await state.ledger.hosts.failing_targets()) & set(state.settings.notifications)
        ),
        **plain(await state.ledger.stop_switch.pauses()),
    }


class ResultsQuery(BaseModel):
    """What may be asked for."""

    model_config = ConfigDict(extra="forbid")

    state: str | None = None
    until: AwareDatetime | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


async def results(request: Request) -> Response:
    """Results and summaries on their way, newest first, with attempts and the newest answer."""
    caller_of(request)
    try:
        query = ResultsQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise invalid_fields(error) from None
    if query.state not in (None, *_STATES):
        raise InvalidRequest(f"state must be one of: {', '.join(_STATES)}")
    found, older = await state_of(request).ledger.results.newest(
        query.limit, state=query.state, until=query.until
    )
    return answer(answers.Results.model_validate({"results": found, "next_until": older}))


async def month(request: Request) -> Response:
    """`?month=2026-11`: counts by source, outcome and error code; as CSV if that is accepted."""
    caller_of(request)
    asked = request.query_params.get("month", "")
    try:
        since, until = month_of(asked)
    except ValueError:
        raise InvalidRequest("month must be a month, like 2026-11") from None
    rows = await report(state_of(request).ledger, since, until)
    if "text/csv" not in request.headers.get("accept", ""):
        return answer(answers.Report.model_validate({"month": asked, "rows": rows}))
    return as_csv(asked, rows)


def as_csv(month: str, rows: Sequence[Row]) -> Response:
    """The counts of a month as a table for programs."""
    written = io.StringIO()
    table = csv.DictWriter(written, ["month", "source", "outcome", "dry_run", "code", "count"])
    table.writeheader()
    table.writerows({"month": month, **asdict(row)} for row in rows)
    return Response(written.getvalue(), media_type="text/csv")
