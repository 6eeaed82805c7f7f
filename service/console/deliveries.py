"""`/deliveries`, `/results` and a page of each: what came in, and what goes out."""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from adapters.errors import InvalidRequest, NotFound
from service.api.routes.lists import masked, unsigned
from service.approval.pages import Problem
from service.console.door.front import Visit
from service.console.page import address, before
from workers.ledger.events.deliveries import Delivery
from workers.ledger.listing import Page
from workers.pipeline.states import VERDICTS
from workers.times.clock import precise

_PER_PAGE: Final = 100
_LONGEST_BODY: Final = 100_000
# Names under which vendors and people put what opens doors.
_SECRET: Final = re.compile(r"secret|token|passw|api_?key|authorization|credential", re.IGNORECASE)
_OUTCOMES: Final[Mapping[str, str]] = {
    "pending": "It is on its way.",
    "delivered": "It was received.",
    "stopped": "The receiver wants no more. It is not sent again by itself.",
    "dead": "It reached nobody. It is not sent again by itself.",
}
_RESULT_STATES: Final = tuple(_OUTCOMES)
_SAID: Final = {
    "replayed": "It is taken in again. Look at this page in a moment to see what came of it.",
    "dismissed": "Dismissed. It holds no deletion any more.",
    "resent": "The result is sent again.",
}


async def show_all(visit: Visit) -> Response:
    """The list; `held=yes` shows only what holds deletions."""
    query = visit.request.query_params
    verdict, source = query.get("verdict", ""), query.get("source", "")
    if verdict and verdict not in VERDICTS:
        raise InvalidRequest(f"verdict must be one of: {', '.join(VERDICTS)}")
    until = before(query)
    ledger = visit.state.ledger
    holds = {each.delivery_id: each for each in await ledger.holds.all()}
    held, older = query.get("held") == "yes", None
    if held:
        rows = []
        for name in list(holds)[:_PER_PAGE]:
            # Retention may have removed it meanwhile.
            with contextlib.suppress(NotFound):
                rows.append(await ledger.deliveries.get(name))
    else:
        listed = await ledger.listing.deliveries(
            Page(_PER_PAGE, source or None, verdict or None, None, until)
        )
        rows, older = listed.records, listed.next_until
    asked = {"verdict": verdict, "source": source, "until": precise(older)}
    return visit.page(
        "deliveries.html",
        "Deliveries",
        rows=rows,
        holds=holds,
        held=held,
        verdict=verdict,
        source=source,
        verdicts=VERDICTS,
        older=address("/deliveries", asked) if older else "",
    )


async def show(visit: Visit, problem: Problem | None = None) -> Response:
    """The page of one delivery. Raises NotFound: there is none of this id."""
    ledger = visit.state.ledger
    found = await ledger.deliveries.get(visit.request.path_params["delivery_id"])
    holds = any(each.delivery_id == found.id for each in await ledger.holds.all())
    return visit.page(
        "delivery.html",
        f"Delivery {found.id}",
        delivery=found,
        headers=[(name, _header(name, value)) for name, value in found.headers],
        body=_body(found),
        events=[_event(each) for each in found.events],
        history=await ledger.deliveries.history(found.id),
        holds=holds,
        may_replay=visit.may("request") and found.verdict in {"rejected", "ignored"},
        may_dismiss=visit.may("approve", "admin") and holds,
        problem=problem,
        said=_SAID,
    )


def _header(name: str, value: str) -> str:
    return "…" if _SECRET.search(name) else unsigned(name, value)


def _event(event: Any) -> str:  # noqa: ANN401 - JSON
    said = (event.get(name) for name in ("verdict", "reason", "deletion_id", "event_id"))
    return " · ".join(str(each) for each in said if each)


def _body(delivery: Delivery) -> str:
    text = masked(delivery.body.decode(errors="replace"))
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(_without_secrets(json.loads(text)), indent=2, ensure_ascii=False)
    if len(text) > _LONGEST_BODY:
        return f"{text[:_LONGEST_BODY]}\n… {len(text) - _LONGEST_BODY} more characters"
    return text


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {
            name: "…" if _SECRET.search(name) else _without_secrets(each)
            for name, each in value.items()
        }
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


async def results(visit: Visit) -> Response:
    """Results on their way, with attempts and the newest answer."""
    query = visit.request.query_params
    state = query.get("state", "")
    if state and state not in _RESULT_STATES:
        raise InvalidRequest(f"state must be one of: {', '.join(_RESULT_STATES)}")
    until = before(query)
    found, older = await visit.state.ledger.results.newest(
        _PER_PAGE, state=state or None, until=until
    )
    asked = {"state": state, "until": precise(older)}
    return visit.page(
        "results.html",
        "Results out",
        rows=found,
        chosen=state,
        states=_RESULT_STATES,
        may_resend=visit.may("request"),
        older=address("/results", asked) if older else "",
        said=_SAID,
    )


async def result(visit: Visit) -> Response:
    """One result: each attempt with its answer."""
    name = visit.request.path_params["callback_id"]
    ledger = visit.state.ledger
    found = await ledger.results.get(name)
    lines: Sequence[Mapping[str, Any]] = ()
    if not found.of.startswith("del_"):
        lines = await ledger.results.lines(name)
    else:
        # Retention may have removed it; and its journal holds every result that it ever had.
        with contextlib.suppress(NotFound):
            lines = (await ledger.views.of(found.of)).journal
    own = f"msg_{name.removeprefix('cb_')}"
    return visit.page(
        "result.html",
        f"Result {found.id}",
        result=found,
        outcome=_OUTCOMES[found.state],
        attempts=[each for each in lines if each.get("webhook_id") == own],
        may_resend=visit.may("request") and found.state != "pending" and found.of,
        live=found.state == "pending",
    )
