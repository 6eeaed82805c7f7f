"""`/`: what needs a person now, who is alive, how much there is, and the last thirty days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.responses import RedirectResponse, Response

from adapters.counting import counted
from adapters.errors import Conflict
from service.api.routes import overview as api
from service.api.routes import pause as switch
from service.api.routes import sources
from service.approval.pages import Problem
from service.approval.refusals import refused
from service.console.acting import reason
from service.console.door.front import Visit
from service.console.needs import Need, needs
from workers.ledger.installation.stop_switch import ACCOUNT_CHANGED, LEDGER_LOST
from workers.pipeline.states import (
    BLOCKED,
    CANCELLED,
    DELETED,
    FAILED,
    PREVIEWED,
    SOFT_DELETED,
    STATES,
    TERMINAL,
)

_DAYS: Final = 30
# What a column of the chart is made of, from below, each with the states it counts.
_PARTS: Final = (
    ("deleted", (DELETED, SOFT_DELETED)),
    ("blocked", (BLOCKED,)),
    ("failed", (FAILED,)),
    ("other", (CANCELLED, PREVIEWED, *(state for state in STATES if state not in TERMINAL))),
)
_HEIGHT: Final = 100
_ENDED: Final = {FAILED: "failed", BLOCKED: "was blocked by a gate"}


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests to IT Glue within 5 minutes; `held` is for how many seconds none is sent."""

    left: int
    limit: int
    held: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart; the parts are (name, count, y, height) in the chart's own units."""

    day: str
    total: int
    parts: tuple[tuple[str, int, float, float], ...]


def chart(begins: Sequence[datetime], by_day: Sequence[Mapping[str, int]]) -> list[Bar]:
    """The columns: pure. The highest one is as high as the chart."""
    grouped = [[sum(day[state] for state in states) for _, states in _PARTS] for day in by_day]
    highest = max([1, *(sum(day) for day in grouped)])
    bars = []
    for begin, day in zip(begins, grouped, strict=True):
        parts, top = [], float(_HEIGHT)
        for (name, _), count in zip(_PARTS, day, strict=True):
            height = count / highest * _HEIGHT
            top -= height
            if count:
                parts.append((name, count, round(top, 2), round(height, 2)))
        bars.append(Bar(begin.strftime("%Y-%m-%d"), sum(day), tuple(parts)))
    return bars


async def show(visit: Visit, problem: Problem | None = None) -> Response:
    """The overview."""
    state = visit.state
    now = await api.standing(state)
    causes = {each["cause"] for each in now["pauses"]}
    found = list(needs(now))
    midnight = state.clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begins = [midnight - timedelta(days=back) for back in reversed(range(_DAYS))]
    by_day = await state.ledger.listing.by_day(begins, STATES)
    for each in (FAILED, BLOCKED):
        if number := sum(day[each] for day in by_day[-2:]):
            text = f"{number} of what was asked for since yesterday {_ENDED[each]}"
            found.append(
                Need(text, f": unglue deletions --state {each}", f"/deletions?state={each}")
            )
    for source in await sources.standing(state):
        if source["silent"] and source["last_delivery"]:
            silent = counted(source["silence_days"], "days")
            text = f"source {source['name']} has been silent for more than {silent}"
            found.append(Need(text, ": unglue sources", "/sources"))
    dead = [each for each in (await state.ledger.results.newest(50))[0] if each.state == "dead"]
    if dead:
        text = f"{len(dead)} of the newest results reached nobody"
        found.append(Need(text, ": unglue results --state dead", "/results?state=dead"))
    limit = state.settings.itglue.requests_per_5_minutes
    used, held = await state.ledger.budget.used(state.clock())
    waiting = {name: since for name, since in now["oldest"].items() if name not in TERMINAL}
    return visit.page(
        "overview.html",
        "Overview",
        now=now,
        needs=found,
        budget=Budget(max(0, limit - used), limit, held),
        lost=LEDGER_LOST in causes,
        changed=ACCOUNT_CHANGED in causes,
        bars=chart(begins, by_day),
        counts=[(name, now["deletions"][name]) for name in STATES if now["deletions"][name]],
        oldest=min(waiting.items(), key=lambda each: each[1], default=None),
        may_pause=visit.may() and not now["paused"],
        may_resume=visit.may("admin") and now["paused"],
        live=True,
        problem=problem,
        said=_SAID,
    )


_SAID: Final = {
    "paused": "Nothing is deleted while it is paused. Events are taken in all the same.",
    "resumed": "Deletions go on.",
}


async def pause(visit: Visit) -> Response:
    """Stop everything destructive."""
    await switch.stop(visit.state, visit.caller, reason(visit))
    return RedirectResponse("/?said=paused", 303)


async def resume(visit: Visit) -> Response:
    """Go on."""
    accepted = {name: visit.form.get(name) == "yes" for name in ("accept_ledger", "accept_account")}
    asked = switch.Resumption(reason=reason(visit), **accepted)
    try:
        await switch.go_on(visit.state, visit.caller, asked)
    except Conflict as error:
        return await show(visit, refused(error))
    return RedirectResponse("/?said=resumed", 303)
