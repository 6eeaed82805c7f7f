"""`/v1/spools`: which services' spools deletions wait for, and the word that one is gone."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.api.answers import answer
from service.api.bodies import Reason, read_body
from service.api.openapi import answers
from service.api.state import caller_of, state_of

log = structlog.get_logger()


async def show_all(request: Request) -> Response:
    """Every spool that the ledger knows."""
    state = state_of(request)
    caller_of(request)
    now = state.clock()
    known = [
        answers.Spool.about(each, holds_deletions=each.holds(now), set_aside=each.aside)
        for each in await state.ledger.spools.all()
    ]
    return answer(answers.Spools(spools=known))


async def forget(request: Request) -> Response:
    """A spool is gone for good, and with it what was in it: deletions wait for it no more."""
    state, caller = state_of(request), caller_of(request)
    caller.require("admin")
    spool_id = request.path_params["spool_id"]
    asked = await read_body(request, Reason)
    await state.ledger.spools.forget(
        spool_id, state.clock(), operator=caller.name, reason=asked.reason
    )
    log.warning("spool_forgotten", spool=spool_id, operator=caller.name)
    return answer(answers.Forgotten(id=spool_id, forgotten=True))
