"""`/holds`: dismiss many deliveries at once. They are counted and shown first."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from starlette.responses import RedirectResponse, Response

from adapters.errors import Conflict, InvalidRequest, UnglueError
from service.api.routes import holds as api
from service.approval.pages import Problem
from service.approval.refusals import refused
from service.console.acting import digest, reason
from service.console.door.front import Visit
from workers.ledger.events.holds import WHYS, Held
from workers.times.clock import moment, precise

_SHOWN: Final = 50
_SAID: Final = {"dismissed": "Dismissed. They hold no deletion any more."}


async def show(visit: Visit, problem: Problem | None = None) -> Response:
    """What holds deletions by source and verdict, and what a choice in the address would end.

    With a `problem` it is the choice of the form that was refused.
    """
    query = visit.form if problem else visit.request.query_params
    asked = bool(query.get("source") or query.get("verdict"))
    until = _until(visit, query)
    chosen = await _chosen(visit, query, until) if asked else []
    held = await visit.state.ledger.holds.all()
    return visit.page(
        "holds.html",
        "Dismiss many",
        groups=sorted(Counter((each.source, each.verdict) for each in held).items()),
        since={(each.source, each.verdict): each.at for each in reversed(held)},
        asked=asked,
        source=query.get("source", ""),
        verdict=query.get("verdict", ""),
        until=precise(until),
        chosen=len(chosen),
        rows=chosen[:_SHOWN],
        seen=digest(each.delivery_id for each in chosen),
        why=query.get("reason", ""),
        may_dismiss=visit.may("approve", "admin"),
        problem=problem,
        said=_SAID,
    )


async def dismiss(visit: Visit) -> Response:
    """Dismiss those that were counted."""
    visit.caller.require_one("approve", "admin")
    form = visit.form
    try:
        chosen = await _chosen(visit, form, _until(visit, form))
        why = reason(visit)
        if not chosen or digest(each.delivery_id for each in chosen) != form.get("seen"):
            raise Conflict("other deliveries hold now than were counted; look at them again")
        if form.get("number", "").strip() != str(len(chosen)):
            raise InvalidRequest("type how many are dismissed, as a number")
    except UnglueError as error:
        return await show(visit, refused(error, "Nothing was dismissed."))
    ids = [each.delivery_id for each in chosen]
    await api.dismissed_by(visit.state, visit.caller, ids, why)
    return RedirectResponse("/holds?said=dismissed", 303)


def _until(visit: Visit, query: Mapping[str, str]) -> datetime:
    """What comes after it was counted is not in it, for nobody has looked at that."""
    return moment(query.get("until", "")) or visit.state.clock()


async def _chosen(visit: Visit, query: Mapping[str, str], until: datetime) -> list[Held]:
    source, verdict = query.get("source", ""), query.get("verdict", "")
    if verdict not in WHYS:
        raise InvalidRequest(f"verdict must be one of: {', '.join(WHYS)}")
    held = await visit.state.ledger.holds.all()
    return [
        each
        for each in held
        if (each.source, each.verdict) == (source, verdict) and each.at < until
    ][: api.MOST]
