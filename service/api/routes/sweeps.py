"""`/v1/schedules` and `/v1/sweeps`: what is looked for and when, and what was found."""

from typing import Annotated, Any

import structlog
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import NotFound
from adapters.models import OrgId, Strict
from service.access.operators import Caller
from service.api.answers import answer, invalid_fields
from service.api.bodies import read_body
from service.api.openapi import answers
from service.api.state import ServiceState, caller_of, state_of
from workers.ledger.bulk.sweeps import Sweep
from workers.processes.runtime import new_id
from workers.times.clock import rfc3339
from workers.times.cron import coming

log = structlog.get_logger()
_NEWEST = 50
_COMING = 3


class SweepOrder(Strict):
    """The body of `POST /v1/schedules/{name}/sweep`, which may be left out.

    With `only` no other organizations are candidates; the schedule's criteria are asked of them.
    """

    dry_run: bool = False
    only: Annotated[list[OrgId], Field(min_length=1, max_length=20_000)] | None = None


async def schedules(request: Request) -> Response:
    """Every schedule with its criteria and its next times."""
    caller_of(request)
    return answer(answers.Schedules.model_validate({"schedules": coming_of(state_of(request))}))


def coming_of(state: ServiceState) -> list[dict[str, Any]]:
    """The schedules as JSON values."""
    now = state.clock()
    return [
        {
            "name": name,
            **schedule.model_dump(mode="json"),
            "next": [
                rfc3339(tick) for tick in coming(schedule.cron, schedule.timezone, now, _COMING)
            ],
        }
        for name, schedule in sorted(state.settings.schedules.items())
    ]


async def begin(request: Request) -> Response:
    """Sweep now. With `dry_run` nothing is requested: the sweep says what it would request."""
    state, caller = state_of(request), caller_of(request)
    caller.require("request")
    name = request.path_params["name"]
    if name not in state.settings.sweeps:
        raise NotFound("there is no schedule of this name; see [schedules] in unglue.toml")
    asked = await read_body(request, SweepOrder, optional=True, wrong=invalid_fields)
    sweep_id = new_id("swp")
    await order(state, caller, sweep_id, name, asked)
    sweep = await state.ledger.sweeps.get(sweep_id)
    return answer(_shown(sweep), 202, {"Location": f"/v1/sweeps/{sweep_id}"})


async def order(
    state: ServiceState, caller: Caller, sweep_id: str, name: str, asked: SweepOrder
) -> None:
    """Begin the sweep for this operator, under the same id once. Raises RoleMissing."""
    caller.require("request")
    await state.ledger.sweeps.begin(
        sweep_id, name, by=caller.name, preview=asked.dry_run, now=state.clock(),
        only=asked.only or (),
    )  # fmt: skip
    log.info("sweep", sweep_id=sweep_id, schedule=name, operator=caller.name)


async def show_all(request: Request) -> Response:
    """The newest sweeps."""
    caller_of(request)
    found = await state_of(request).ledger.sweeps.newest(_NEWEST)
    return answer(answers.Sweeps(sweeps=[_shown(sweep) for sweep in found]))


async def show(request: Request) -> Response:
    """One sweep, with every organization it looked at."""
    caller_of(request)
    ledger = state_of(request).ledger
    sweep = await ledger.sweeps.get(request.path_params["sweep_id"])
    rows = await ledger.sweeps.rows(sweep.id)
    listed = sorted(rows.values(), key=lambda each: (len(each.org_id), each.org_id))
    return answer(answers.SweepDetails.about(sweep, dry_run=sweep.preview, organizations=listed))


def _shown(sweep: Sweep) -> answers.Sweep:
    return answers.Sweep.about(sweep, dry_run=sweep.preview)
