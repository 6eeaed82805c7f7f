"""`/v1/pause` and `/v1/resume`: the switch that stops everything destructive at once."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import structlog
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from adapters.models import Strict
from service.access.operators import Caller
from service.api.answers import answer, invalid_fields
from service.api.bodies import LONGEST_REASON, Reason, read_body
from service.api.openapi import answers
from service.api.state import ServiceState, caller_of, state_of
from workers.ledger.installation.stop_switch import Pause

log = structlog.get_logger()


class Resumption(Strict):
    """The body of `POST /v1/resume`, which may be left out."""

    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    accept_account: bool = False
    accept_ledger: bool = False

    @model_validator(mode="after")
    def _accepted_for_a_reason(self) -> Self:
        if self.accept_ledger and not self.reason.strip():
            raise ValueError("reason is required with accept_ledger")
        return self


def plain(pauses: Sequence[Pause]) -> dict[str, Any]:
    """Whether deletions are paused, and why."""
    fields = {"paused": bool(pauses), "pauses": pauses}
    return answers.Paused.model_validate(fields).plain()


async def pause(request: Request) -> Response:
    """Stop. Any role may; where an operator paused before, that pause stands."""
    state, caller = state_of(request), caller_of(request)
    caller.require_any()
    asked = await read_body(request, Reason)
    await stop(state, caller, asked.reason)
    return answer(plain(await state.ledger.stop_switch.pauses()))


async def stop(state: ServiceState, caller: Caller, reason: str) -> None:
    """Stop everything destructive for this operator. Raises RoleMissing."""
    caller.require_any()
    await state.ledger.stop_switch.pause(caller.name, reason, state.clock())
    log.warning("paused", operator=caller.name)


async def resume(request: Request) -> Response:
    """Go on. `ended` is what was paused; doing it again is no error."""
    state, caller = state_of(request), caller_of(request)
    caller.require("admin")
    asked = await read_body(request, Resumption, optional=True, wrong=invalid_fields)
    switch = state.ledger.stop_switch
    ended = await go_on(state, caller, asked)
    return answer(answers.Resumed.model_validate({**plain(await switch.pauses()), "ended": ended}))


async def go_on(state: ServiceState, caller: Caller, asked: Resumption) -> Sequence[Pause]:
    """Let deletions go on for this operator: what was ended.

    Raises:
        RoleMissing: the operator is no admin.
        Conflict: the ledger was lost, or the account is another, and nobody accepted that.
    """
    caller.require("admin")
    if asked.accept_account:
        await state.ledger.account.accept(caller.name, state.clock())
    ended = await state.ledger.stop_switch.resume(
        caller.name, asked.reason, state.clock(), accept_ledger=asked.accept_ledger
    )
    log.warning("resumed", operator=caller.name)
    return ended


async def show(request: Request) -> Response:
    """Whether deletions are paused, since when and why."""
    caller_of(request)
    return answer(plain(await state_of(request).ledger.stop_switch.pauses()))
