"""`GET /v1/deletions` and `GET /v1/deliveries`: filterable, newest first, a page at a time."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidRequest
from service.api.answers import answer, invalid_fields, waits_for
from service.api.routes.pause import plain
from service.api.state import caller_of, state_of
from service.approval import standing
from workers.ledger.listing import Page
from workers.ledger.records import Deletion, Delivery
from workers.pipeline.states import STATES, VERDICTS
from workers.settings.operators import Operator
from workers.times.clock import rfc3339


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
    try:
        query = ListQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise invalid_fields(error) from None
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
    operators = state_of(request).settings.operators
    rows = [_deletion(each, operators) for each in listed.records]
    pauses = plain(await state_of(request).ledger.stop_switch.pauses())
    return answer({"deletions": rows, "next_until": precise(listed.next_until), **pauses})


async def deliveries(request: Request) -> Response:
    """Deliveries, without their bodies. `next_until` continues with older ones."""
    caller_of(request)
    page = _page(request, "verdict")
    listed = await state_of(request).ledger.listing.deliveries(page)
    deliveries = state_of(request).ledger.deliveries
    rows = [
        {
            **_delivery(each),
            "history": await deliveries.history(each.id) if each.generation > 1 else [],
        }
        for each in listed.records
    ]
    return answer({"deliveries": rows, "next_until": precise(listed.next_until)})


async def delivery(request: Request) -> Response:
    """One delivery as it arrived: its headers without credentials, its body, and what became of it.

    Any operator may read it, so what a body says of signing keys is left out.
    """
    caller_of(request)
    deliveries = state_of(request).ledger.deliveries
    found = await deliveries.get(request.path_params["delivery_id"])
    return answer(
        {
            **_delivery(found),
            "headers": [[name, unsigned(name, value)] for name, value in found.headers],
            "body": masked(found.body.decode(errors="replace")),
            "history": await deliveries.history(found.id),
        }
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


def precise(moment: datetime | None) -> str | None:
    """To the millisecond, as records are kept: whole seconds would leave some out."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _deletion(deletion: Deletion, operators: Mapping[str, Operator]) -> dict[str, Any]:
    plan = deletion.plan
    request = deletion.request
    return {
        "id": deletion.id,
        "state": deletion.state,
        "source": deletion.source,
        "org_id": plan.organization.id if plan else request.org_id,
        "org_name": plan.organization.name if plan else request.org_name,
        "dry_run": deletion.dry_run,
        "actor": deletion.actor or None,
        "created_at": rfc3339(deletion.created_at),
        "updated_at": rfc3339(deletion.updated_at),
        "due_at": None if deletion.terminal else rfc3339(standing.due_at(deletion)),
        "waits_for": waits_for(deletion),
        "approvers": standing.approvers(deletion, operators),
        "errors": [error.plain() for error in deletion.errors],
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "source": delivery.source,
        "vendor": delivery.vendor,
        "received_at": rfc3339(delivery.received_at),
        "verdict": delivery.verdict,
        "reason": delivery.reason,
        "deletion_id": delivery.deletion_id,
        "bytes": len(delivery.body) if delivery.dropped is None else delivery.dropped,
        "body_dropped": delivery.dropped is not None,
        "caught_up": delivery.caught_up,
        "repeats": delivery.repeats,
        "last_seen": rfc3339(delivery.last_seen) if delivery.last_seen else None,
        "events": list(delivery.events),
        "generation": delivery.generation,
        "dismissed": _dismissed(delivery),
    }


def _dismissed(delivery: Delivery) -> dict[str, str] | None:
    said = delivery.dismissed
    if said is None:
        return None
    return {"by": said.by, "at": rfc3339(said.at), "reason": said.reason}
