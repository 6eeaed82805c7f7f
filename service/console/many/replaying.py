"""`/replays`: begin many again at once. They are counted and shown first, then done as counted."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Final

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from adapters.errors import Conflict, InvalidRequest, NotFound, UnglueError
from service.api.routes import replays as api
from service.api.routes.replays import ReplayOrder
from service.approval.pages import Problem
from service.approval.refusals import refused
from service.console.acting import digest, once
from service.console.deletions import subject
from service.console.door.front import Visit
from workers.bulk.replay.selection import STATES, Found
from workers.settings.wrong_input import faults
from workers.times.clock import moment, precise

_NEWEST: Final = 20
_SHOWN: Final = 50
_NAMES: Final[Mapping[str, str]] = {
    "deletions": "deletions", "deliveries": "deliveries", "callbacks": "results",
}  # fmt: skip
# Of what may end with an organization deleted, the number is typed.
_DELETES: Final = frozenset({"deletions", "deliveries"})
_SAID: Final = {"begun": "It has begun.", "stopped": "Stopped. What was replayed stays replayed."}


async def show(visit: Visit, problem: Problem | None = None) -> Response:
    """The newest ones, and what a filter in the address, or in a refused form, would replay."""
    query = visit.form if problem else visit.request.query_params
    ledger = visit.state.ledger
    asked = found = None
    if query.get("what"):
        asked = _asked(visit, query)
        found = await api.chosen(visit.state, asked)
    running = [await api.told(visit.state, each) for each in await ledger.replays.newest(_NEWEST)]
    return visit.page(
        "replays.html",
        "Replays",
        query={name: query.get(name, "") for name in ("what", "state", "source", "since", "until")},
        states=STATES,
        names=_NAMES,
        asked=asked,
        until=precise(asked.until) if asked else "",
        found=found,
        seen=digest(found.ids) if found else "",
        rows=await _rows(visit, asked, found) if asked and found else [],
        typed=asked is not None and asked.what in _DELETES,
        replays=running,
        may_replay=visit.may("request"),
        problem=problem,
        said=_SAID,
        live=any(each.state == "running" for each in running) and asked is None,
    )


def _asked(visit: Visit, query: Mapping[str, str]) -> ReplayOrder:
    """What the form asks for; what comes after it was counted is not in it."""
    chosen = query.get("state") or None
    what = query.get("what", "")
    fields = {
        "what": what,
        "source": query.get("source", "").strip() or None,
        "verdict" if what == "deliveries" else "state": chosen,
        "since": _day(query.get("since", "")),
        "until": _day(query.get("until", "")) or precise(visit.state.clock()),
        "limit": int(limit) if (limit := query.get("limit", "100")).isdigit() else 0,
    }
    try:
        return ReplayOrder.model_validate(fields)
    except ValidationError as error:
        raise InvalidRequest("; ".join(faults(error, whole="form"))) from None


def _day(text: str) -> str | None:
    """A day as the beginning of it, in UTC; a whole time stays one."""
    if not text:
        return None
    try:
        return f"{date.fromisoformat(text).isoformat()}T00:00:00Z"
    except ValueError:
        pass
    if moment(text) is None:
        raise InvalidRequest("since and until must be days, like 2026-11-28")
    return text


async def _rows(visit: Visit, asked: ReplayOrder, found: Found) -> list[tuple[str, str, str]]:
    """Of the first of them: where its page is, its id, what it is about."""
    rows = []
    for name in found.ids[:_SHOWN]:
        match asked.what:
            case "deletions":
                about = subject(await visit.state.ledger.deletions.get(name))
                rows.append((f"/deletions/{name}", name, f"{about.name} {about.id}".strip()))
            case "deliveries":
                rows.append((f"/deliveries/{name}", name, ""))
            case "callbacks":
                rows.append((f"/results/{name}", name, ""))
    return rows


async def begin(visit: Visit) -> Response:
    """Begin the replay that was counted."""
    visit.caller.require("request")
    key = once(visit)
    if key is not None and await _begun(visit, key):
        # The same form once more; what it began has changed what fits.
        return RedirectResponse("/replays?said=begun", 303)
    try:
        asked = _asked(visit, visit.form)
        found = await api.chosen(visit.state, asked)
        if digest(found.ids) != visit.form.get("seen"):
            raise Conflict("other records fit now than were counted; look at them again")
        if asked.what in _DELETES and visit.form.get("number", "").strip() != str(len(found.ids)):
            raise InvalidRequest("type how many are replayed, as a number")
        if not found.ids:
            raise NotFound("none fits any more")
    except UnglueError as error:
        return await show(visit, refused(error, "Nothing was replayed."))
    await api.order(visit.state, visit.caller, asked, found, key)
    return RedirectResponse("/replays?said=begun", 303)


async def _begun(visit: Visit, key: str) -> bool:
    with suppress(NotFound):
        await visit.state.ledger.replays.get(api.named(visit.caller, key))
        return True
    return False


async def stop(visit: Visit) -> Response:
    """Stop one that runs."""
    await api.stop(visit.state, visit.caller, visit.request.path_params["replay_id"])
    return RedirectResponse("/replays?said=stopped", 303)
