"""`GET /v1/deletions` and `GET /v1/deliveries`: filterable, newest first, a page at a time."""

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidRequest
from service.api.answers import answer, waits_for
from service.api.bodies import query_of
from service.api.openapi import answers
from service.api.routes.pause import plain
from service.api.state import caller_of, state_of
from service.approval import standing
from workers.ledger.events.deliveries import Deliveries, Delivery
from workers.ledger.listing import Page
from workers.ledger.records import Deletion
from workers.pipeline.result import would_delete
from workers.pipeline.states import STATES, VERDICTS
from workers.settings import Settings


class ListQuery(BaseModel):
    """What may be asked for. `since` is included, `until` is not."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = None
    state: str | None = None
    verdict: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


def _page(request: Request, kind: str) -> Page:
    query = query_of(request, ListQuery)
    state = query.state if kind == "state" else query.verdict
    other = query.verdict if kind == "state" else query.state
    if other is not None:
        raise InvalidRequest(f"this list is filtered by {kind}")
    known = STATES if kind == "state" else VERDICTS
    if state is not None and state not in known:
        raise InvalidRequest(f"{kind} must be one of: {', '.join(known)}")
    return Page(query.limit, query.source, state, query.since, query.until)


async def deletions(request: Request) -> Response:
    """Deletions. `next_until` continues with older ones."""
    caller_of(request)
    page = _page(request, "state")
    listed = await state_of(request).ledger.listing.deletions(page)
    settings = state_of(request).settings
    rows = [_deletion(each, settings) for each in listed.records]
    pauses = plain(await state_of(request).ledger.stop_switch.pauses())
    return answer(answers.DeletionList(deletions=rows, next_until=listed.next_until, **pauses))


async def deliveries(request: Request) -> Response:
    """Deliveries, without their bodies. `next_until` continues with older ones."""
    caller_of(request)
    page = _page(request, "verdict")
    listed = await state_of(request).ledger.listing.deliveries(page)
    deliveries = state_of(request).ledger.deliveries
    rows = [
        answers.DeliveryRow.about(each, **await _row(deliveries, each)) for each in listed.records
    ]
    return answer(answers.DeliveryList(deliveries=rows, next_until=listed.next_until))


async def delivery(request: Request) -> Response:
    """One delivery as it arrived: its headers without credentials, its body, and what became of it.

    Any operator may read it, so what a body says of signing keys is left out.
    """
    caller_of(request)
    deliveries = state_of(request).ledger.deliveries
    found = await deliveries.get(request.path_params["delivery_id"])
    return answer(
        answers.Delivery.about(
            found,
            headers=[(name, unsigned(name, value)) for name, value in found.headers],
            body=masked(found.body.decode(errors="replace")),
            **await _row(deliveries, found),
        )
    )


# A signature of a body that anybody may see could be posted again.
_SIGNATURES = ("signature",)
# ConnectWise's signing key is given to whoever asks at this address.
_KEY_URL = re.compile(r'(\\*"key_url\\*"\s*:\s*\\*")[^"\\]*')


def unsigned(name: str, value: str) -> str:
    """A header's value, if it is no signature."""
    return "…" if any(part in name for part in _SIGNATURES) else value


def masked(body: str) -> str:
    """A body without where its signing key is given out."""
    return _KEY_URL.sub(r"\1…", body)


def _deletion(deletion: Deletion, settings: Settings) -> answers.DeletionRow:
    plan = deletion.plan if deletion.dry_run else None
    stopping = (*plan.refusals, *plan.asks) if plan else ()
    return answers.DeletionRow.about(
        deletion,
        due_at=None if deletion.terminal else standing.due_at(deletion),
        waits_for=waits_for(deletion),
        approvers=standing.approvers(deletion, settings),
        would_delete=would_delete(deletion) if deletion.terminal else None,
        stopped_by=[each.gate for each in stopping],
    )


async def _row(deliveries: Deliveries, delivery: Delivery) -> dict[str, Any]:
    return {
        "bytes": len(delivery.body) if delivery.dropped is None else delivery.dropped,
        "body_dropped": delivery.dropped is not None,
        "history": await deliveries.history(delivery.id) if delivery.generation > 1 else [],
    }
