"""`/links/{source}`: a PSA's companies against IT Glue, and the clean-up that begins from there."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from adapters.errors import Conflict, InvalidRequest, NotFound, Unavailable, UnglueError
from service.api.routes import sweeps
from service.approval.pages import Problem
from service.approval.refusals import refused
from service.console.acting import digest, once
from service.console.door.front import Visit
from service.console.page import address
from workers.bulk.links import STATES, Link, compare, csv_of, row_of, to_sweep
from workers.ledger.bulk.comparisons import Comparison
from workers.processes.runtime import new_id
from workers.times.clock import rfc3339

log = structlog.get_logger()
_PER_PAGE: Final = 100
_SECONDS: Final = 120.0
# What is swept was looked at a short time ago.
_FRESH: Final = timedelta(hours=1)
# Among them the most urgent first; a sweep's own limit is far below.
_MOST: Final = 2000
_NAMES: Final[Mapping[str, str]] = {
    "linked": "linked", "by_name": "name only", "ambiguous": "ambiguous",
    "several_links": "several links", "missing": "missing",
    "unknown_company": "unknown to the PSA",
}  # fmt: skip
_TONES: Final[Mapping[str, str]] = {
    "linked": "go", "by_name": "open", "ambiguous": "warn", "several_links": "warn",
    "missing": "calm", "unknown_company": "stop",
}  # fmt: skip
_SAID: Final = {"read": "Both were read."}


def _source(visit: Visit) -> str:
    """Whose companies. Raises NotFound: there is no such source, or its PSA cannot be asked."""
    name: str = visit.request.path_params["source"]
    config = visit.state.settings.sources.get(name)
    if config is None or not config.asks:
        raise NotFound("no source of this name has credentials to ask its PSA with")
    return name


async def show(visit: Visit) -> Response:
    """What the newest reading found; `format=csv` gives it to programs."""
    source, query = _source(visit), visit.request.query_params
    if query.get("format") == "csv":
        _, links = await _kept(visit, source)
        attached = {"Content-Disposition": f'attachment; filename="links-{source}.csv"'}
        return PlainTextResponse(csv_of(_fitting(links, query)), 200, attached, "text/csv")
    return await _shown(visit, source)


async def read(visit: Visit) -> Response:
    """Read the PSA and IT Glue, and compare them. It changes nothing, and costs requests."""
    visit.caller.require_any()
    source, state = _source(visit), visit.state
    # Each reading takes of IT Glue's budget, so that no two are done at once.
    if not await state.ledger.comparisons.begin(source, timedelta(seconds=_SECONDS)):
        busy = Conflict("it is being read already; look again in a minute or two")
        return await _shown(visit, source, refused(busy, "Nothing was compared."))
    try:
        async with asyncio.timeout(_SECONDS):
            links = await compare(state.settings, source, state.ledger.store.memory)
        found = Comparison(state.clock(), visit.caller.name, [row_of(each) for each in links])
        await state.ledger.comparisons.keep(source, found)
    except TimeoutError:
        late = Unavailable(f"it took more than {_SECONDS:g} s; use unglue links {source}")
        return await _shown(visit, source, refused(late, "Nothing was compared."))
    except UnglueError as error:
        return await _shown(visit, source, refused(error, "Nothing was compared."))
    finally:
        await state.ledger.comparisons.end(source)
    log.info("links_read", source=source, operator=visit.caller.name, companies=len(links))
    return RedirectResponse(f"/links/{source}?said=read", 303)


async def sweep(visit: Visit) -> Response:
    """Sweep for those of the backlog that are linked beyond doubt, as they were counted."""
    visit.caller.require("request")
    source, form = _source(visit), visit.form
    preview = form.get("preview") == "yes"
    try:
        schedule, only = await _counted(visit, source)
        if not preview and form.get("number", "").strip() != str(len(only)):
            raise InvalidRequest("type how many organizations it is about, as a number")
    except UnglueError as error:
        return await _shown(visit, source, refused(error, "Nothing was asked for."))
    key = once(visit)
    own = digest((visit.caller.name, str(key), str(preview)))
    sweep_id = f"swp_{own[:20]}" if key else new_id("swp")
    asked = sweeps.SweepOrder(dry_run=preview, only=list(only))
    await sweeps.order(visit.state, visit.caller, sweep_id, schedule, asked)
    return RedirectResponse("/schedules?said=swept#sweeps", 303)


async def _counted(visit: Visit, source: str) -> tuple[str, Sequence[str]]:
    """The schedule, and the organizations as the form showed them."""
    schedule = visit.form.get("schedule", "")
    if schedule not in visit.state.settings.sweeps:
        raise InvalidRequest("choose a schedule, by whose criteria and limits it is done")
    found, links = await _kept(visit, source)
    only = _backlog(links)
    if found is None or _digest(found, only) != visit.form.get("seen"):
        raise Conflict("it was read again meanwhile; look at it once more")
    if visit.state.clock() - found.at > _FRESH:
        raise Conflict("it was read more than an hour ago; read it again")
    if not only:
        raise Conflict("nothing of the backlog is linked beyond doubt")
    return schedule, only


async def _kept(visit: Visit, source: str) -> tuple[Comparison | None, tuple[Link, ...]]:
    found = await visit.state.ledger.comparisons.of(source)
    links = await asyncio.to_thread(
        lambda rows: tuple(map(_link, rows)), found.rows if found else ()
    )
    return found, links


def _link(row: Sequence[Any]) -> Link:
    state, company, name, active, words, org_ids, *rest = row
    return Link(state, company, name, active, words, tuple(org_ids), *rest)


def _fitting(links: Sequence[Link], query: Mapping[str, str]) -> list[Link]:
    state, backlog = query.get("state", ""), query.get("backlog") == "yes"
    if state and state not in STATES:
        raise InvalidRequest(f"state must be one of: {', '.join(STATES)}")
    return [
        each
        for each in links
        if (not state or each.state == state) and (each.backlog or not backlog)
    ]


def _backlog(links: Sequence[Link]) -> tuple[str, ...]:
    return to_sweep(links)[:_MOST]


def _digest(found: Comparison, only: Sequence[str]) -> str:
    return digest((rfc3339(found.at), *only))


async def _shown(visit: Visit, source: str, problem: Problem | None = None) -> Response:
    query = visit.request.query_params
    found, links = await _kept(visit, source)
    fitting = _fitting(links, query)
    page = int(query["page"]) if query.get("page", "").isdecimal() else 1
    start = (max(page, 1) - 1) * _PER_PAGE
    only = _backlog(links)
    asked = {"state": query.get("state"), "backlog": query.get("backlog")}
    more = len(fitting) > start + _PER_PAGE
    by_id = {each.org_ids[0]: each for each in links if each.org_ids}
    return visit.page(
        "links.html",
        f"Links of {source}",
        source=source,
        found=found,
        fresh=found is not None and visit.state.clock() - found.at <= _FRESH,
        rows=fitting[start : start + _PER_PAGE],
        fitting=len(fitting),
        start=start,
        counts=Counter(each.state for each in links),
        backlog=sum(each.backlog for each in links),
        asked=asked,
        names=_NAMES,
        tones_of=_TONES,
        only=len(only),
        firsts=[by_id[each] for each in only[:_PER_PAGE]],
        seen=_digest(found, only) if found else "",
        schedules=sorted(visit.state.settings.sweeps),
        may_read=visit.may(),
        may_sweep=visit.may("request"),
        csv=address(f"/links/{source}", {**asked, "format": "csv"}),
        more=address(f"/links/{source}", {**asked, "page": str(page + 1)}) if more else "",
        problem=problem,
        said=_SAID,
    )
