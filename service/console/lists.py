"""`/sources`, `/schedules`, `/protected`, `/audit`, `/month`: what is set up, and what was done."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from adapters.errors import InvalidRequest
from service.api.openapi import answers
from service.api.report import month_of, report
from service.api.routes import overview, sources, sweeps
from service.console.door.front import Visit
from workers.audit.keys import Keyring
from workers.audit.reading import Filter, search, verify_log

_PER_PAGE: Final = 100
_SWEEPS: Final = 20
_SAID: Final = {
    "swept": "The sweep has begun. What it finds is shown here.",
    "protected": "Protected. It stays until an admin says otherwise.",
    "ended": "Nothing of people keeps it any more.",
    "again": "Ended; but policy.protected_ids names it and protects it again. Take it out of the "
    "file, restart, and end the protection once more.",
}


async def show_sources(visit: Visit) -> Response:
    """Who sends, what came of it, who is silent."""
    configured = visit.state.settings.sources
    return visit.page(
        "sources.html",
        "Sources",
        rows=await sources.standing(visit.state),
        asked={name for name, each in configured.items() if each.asks},
    )


async def show_schedules(visit: Visit) -> Response:
    """What is looked for and when, and what the newest sweeps found."""
    ledger = visit.state.ledger
    newest = await ledger.sweeps.newest(_SWEEPS)
    candidates = {}
    for sweep in newest[:5]:
        rows = (await ledger.sweeps.rows(sweep.id)).values()
        candidates[sweep.id] = [each for each in rows if each.met][:_PER_PAGE]
    return visit.page(
        "schedules.html",
        "Schedules",
        rows=sweeps.coming_of(visit.state),
        said=_SAID,
        sweeps=newest,
        candidates=candidates,
    )


async def show_protected(visit: Visit) -> Response:
    """Organizations that stay, and the noes of people."""
    ledger = visit.state.ledger
    return visit.page(
        "protected.html",
        "Protected",
        rows=await ledger.protections.all(),
        said=_SAID,
        declined=[
            answers.Declined.about(each).plain() for each in await ledger.registers.declined()
        ],
        may_protect=visit.may(),
        may_end=visit.may("admin"),
    )


async def show_audit(visit: Visit) -> Response:
    """Who decided what; `verify=yes` looks through the whole chain, which takes seconds."""
    query, state = visit.request.query_params, visit.state
    before = query.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) < 16):
        raise InvalidRequest("before must be a number")
    wanted = Filter(
        org_id=query.get("org_id") or None,
        deletion_id=query.get("deletion_id") or None,
        operator=query.get("operator") or None,
        what=query.get("what") or None,
    )
    log = state.ledger.audit_log
    found = await search(log, wanted, before=int(before) if before else None, limit=_PER_PAGE)
    checked = None
    if query.get("verify") == "yes":
        checked = await verify_log(log, Keyring.of(state.settings.secret_keys), None)
    return visit.page(
        "audit.html",
        "Audit",
        rows=[(each, _detail(each)) for each in found.entries],
        wanted=wanted,
        head=(await log.state()).head,
        checked=checked,
        # The page has the head itself, and says what it is for.
        notes=[each for each in checked.notes if "--expect-head" not in each] if checked else [],
        next_before=found.next_before,
    )


# What has a column, and what only the chain's verification reads.
_APART: Final = frozenset(
    {"seq", "at", "what", "operator", "deletion_id", "prev", "hash", "sig", "sig_old", "key", "v"}
)


def _detail(entry: dict[str, Any]) -> str:
    rest = {name: value for name, value in entry.items() if name not in _APART}
    return "; ".join(
        f"{name.replace('_', ' ')} {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in rest.items()
        if value not in (None, "", [], {})
    )


async def show_month(visit: Visit) -> Response:
    """Counts by source and outcome; `format=csv` gives them to programs."""
    query = visit.request.query_params
    asked = query.get("month") or visit.state.clock().astimezone(UTC).strftime("%Y-%m")
    try:
        since, until = month_of(asked)
    except ValueError:
        raise InvalidRequest("month must be a month, like 2026-11") from None
    rows = await report(visit.state.ledger, since, until)
    if query.get("format") == "csv":
        answer = overview.as_csv(asked, rows)
        answer.headers["Content-Disposition"] = f'attachment; filename="unglue-{asked}.csv"'
        return answer
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row.outcome] += row.count
    return visit.page(
        "month.html",
        "Month",
        month=asked,
        rows=rows,
        totals=sorted(totals.items()),
        before=_other(since, -1),
        after=_other(since, 1) if until <= visit.state.clock() else "",
    )


def _other(month: datetime, step: int) -> str:
    number = month.year * 12 + month.month - 1 + step
    return f"{number // 12:04}-{number % 12 + 1:02}"
