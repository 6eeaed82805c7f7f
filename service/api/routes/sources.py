"""`/v1/sources`: who sends, what came of it, who fell silent; catching up; stopping one's."""

from datetime import timedelta
from typing import Annotated, Any

import structlog
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import Conflict, NotFound
from adapters.models import Strict
from service.api.answers import answer
from service.api.bodies import read_body
from service.api.openapi import answers
from service.api.state import ServiceState, caller_of, state_of
from workers.ledger.records import ErrorEntry

log = structlog.get_logger()


class Cancellation(Strict):
    """The body of `POST /v1/sources/{source}/cancel`."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]


async def cancel(request: Request) -> Response:
    """Stop every open deletion that this source asked for, whose call has not gone out.

    For the incident: a leaked secret, a wrong sender. The source may be configured no more. What it
    sends afterwards is taken in as ever; `pause` stops that too.
    """
    state, caller = state_of(request), caller_of(request)
    caller.require_any()
    source = request.path_params["source"]
    asked = await read_body(request, Cancellation)
    cancelled, too_late = [], []
    for each in await state.ledger.listing.open():
        if each.source != source:
            continue
        now = state.clock()
        message = f"cancelled with all of source {source} by operator {caller.name}: {asked.reason}"
        error = ErrorEntry.cancelled(message, now)
        try:
            await state.ledger.deletions.cancel(each.id, operator=caller.name, error=error, now=now)
        except (Conflict, NotFound):
            too_late.append(each.id)
        else:
            cancelled.append(each.id)
    if not cancelled and not too_late and not await _is_known(state, source):
        # In an incident "none is open" must not be the answer to a misspelt name.
        raise NotFound("there is no source of this name, and none of it ever sent anything")
    log.info("source_cancelled", source=source, operator=caller.name, cancelled=len(cancelled))
    return answer(answers.SourceCancelled(source=source, cancelled=cancelled, too_late=too_late))


async def _is_known(state: ServiceState, source: str) -> bool:
    """Whether it is or was one: a sender, a schedule, or the operators themselves."""
    schedules = {f"schedule:{name}" for name in state.settings.sweeps}
    if source in {"api", *state.settings.sources, *schedules}:
        return True
    return (await state.ledger.sources.activity(source)).last_delivery is not None


async def catch_up(request: Request) -> Response:
    """Ask the source's PSA now for what changed and was not sent."""
    state, caller = state_of(request), caller_of(request)
    caller.require("request")
    source = request.path_params["source"]
    config = state.settings.sources.get(source)
    if config is None or not config.catches_up:
        raise NotFound("no source of this name has credentials to ask its PSA with")
    await state.ledger.catch_ups.begin(source, None, state.clock())
    log.info("catch_up", source=source, operator=caller.name)
    begun = {"source": source, "caught_up": await _caught_up(state, source)}
    return answer(answers.CatchUpBegun.model_validate(begun))


async def _caught_up(state: ServiceState, source: str) -> dict[str, Any] | None:
    known = await state.ledger.catch_ups.get(source)
    if known is None:
        return None
    return {
        "to": known.point,
        "at": known.confirmed_at,
        "fault": known.fault,
        "code": known.code,
        "since": known.since,
        **await state.ledger.catch_ups.found(source),
    }


async def show_all(request: Request) -> Response:
    """Every configured source, by name."""
    caller_of(request)
    return answer(answers.Sources.model_validate({"sources": await standing(state_of(request))}))


async def standing(state: ServiceState) -> list[dict[str, Any]]:
    """What the description says of each."""
    now = state.clock()
    listed: list[dict[str, Any]] = []
    for name, source in sorted(state.settings.sources.items()):
        activity = await state.ledger.sources.activity(name)
        last = activity.last_delivery
        since = last or await state.ledger.sources.known_since(name, now)
        patience = timedelta(days=source.silence_days)
        listed.append(
            {
                "name": name,
                "vendor": source.vendor,
                "url": f"{state.settings.public_url.rstrip('/')}/webhooks/{name}",
                "confirm_delete": source.confirm_delete,
                "last_delivery": last,
                "silent": source.silence_days > 0 and now - since > patience,
                "silence_days": source.silence_days,
                "verdicts": dict(activity.verdicts),
                "alerts": dict(activity.alerts),
                "caught_up": await _caught_up(state, name),
            }
        )
    return listed
