"""`/v1/holds` and `/v1/deliveries/dismiss`: what holds deletions, and the word that it need not."""

from collections.abc import Sequence
from typing import Annotated, Self

import structlog
from pydantic import AwareDatetime, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from service.access.operators import Caller
from service.api.answers import answer, invalid_fields
from service.api.bodies import Reason, read_body
from service.api.openapi import answers
from service.api.routes.replays import RecordId
from service.api.state import ServiceState, caller_of, state_of
from workers.ledger.events.holds import Why

log = structlog.get_logger()
MOST = 10_000


class Dismissal(Reason):
    """The body of `POST /v1/deliveries/dismiss`. `until` is not included."""

    ids: Annotated[list[RecordId], Field(min_length=1, max_length=MOST)] | None = None
    source: str | None = None
    verdict: Why | None = None
    until: Annotated[AwareDatetime, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.ids is not None:
            if self.source or self.verdict or self.until:
                raise ValueError("ids name the deliveries; they go with no filter")
        elif self.source is None or self.verdict is None:
            raise ValueError("name ids, or give both source and verdict")
        elif self.until is None:
            # What came since may say that a client is active, and nobody has looked at it.
            raise ValueError("in bulk give until: when you looked, `at` of GET /v1/holds")
        return self


async def show_all(request: Request) -> Response:
    """Every delivery that holds deletions, by source, oldest first."""
    caller_of(request)
    state = state_of(request)
    at, held = state.clock(), await state.ledger.holds.all()
    sources = sorted({each.source for each in held})
    holds = {name: [each for each in held if each.source == name] for name in sources}
    return answer(answers.Holds.model_validate({"at": at, "holds": holds}))


async def dismiss(request: Request) -> Response:
    """End what deliveries hold. `refused` says why one was not dismissed, by its id."""
    state, caller = state_of(request), caller_of(request)
    caller.require_one("approve", "admin")
    asked = await read_body(request, Dismissal, wrong=invalid_fields)
    ids = list(dict.fromkeys(asked.ids or ()))
    if asked.source is not None and asked.verdict is not None:
        ids = list(await state.ledger.holds.of(asked.source, asked.verdict, asked.until))
    became = await dismissed_by(state, caller, ids, asked.reason)
    dismissed = [each for each in ids if became[each] == "dismissed"]
    refused = {each: why for each, why in became.items() if why != "dismissed"}
    return answer(answers.Dismissals(dismissed=dismissed, refused=refused))


async def dismissed_by(
    state: ServiceState, caller: Caller, ids: Sequence[str], reason: str
) -> dict[str, str]:
    """What became of each delivery that this operator dismisses. Raises RoleMissing."""
    caller.require_one("approve", "admin")
    became = await state.ledger.deliveries.dismiss(
        ids, operator=caller.name, reason=reason, now=state.clock()
    )
    many = sum(why == "dismissed" for why in became.values())
    log.warning("dismissed", deliveries=many, operator=caller.name)
    return became
