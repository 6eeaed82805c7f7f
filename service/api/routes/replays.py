"""`/v1/replays`: replay many deletions, deliveries or results, and see how far it is."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Self

import structlog
from pydantic import AwareDatetime, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response

from adapters.models import Strict
from service.access.operators import Caller
from service.api.answers import answer, invalid_fields
from service.api.bodies import read_body
from service.api.openapi import answers
from service.api.routes.deletions import idempotency_key
from service.api.state import ServiceState, caller_of, state_of
from workers.bulk.replay.selection import STATES, Filter, Found, select
from workers.ledger.bulk.replays import BulkReplay, Order, What
from workers.processes.runtime import new_id
from workers.times.clock import rfc3339

log = structlog.get_logger()
_NEWEST = 50
_SHOWN = 20
_MOST = 10_000
_LIMIT = 100
_PER_MINUTE = 60

RecordId = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}_[A-Za-z0-9_-]{1,100}$")]

Moment = Annotated[AwareDatetime, Field(strict=False)]


class ReplayOrder(Strict):
    """The body of `POST /v1/replays`. `since` is included, `until` is not."""

    what: What
    ids: Annotated[list[RecordId], Field(min_length=1, max_length=_MOST)] | None = None
    source: str | None = None
    state: str | None = None
    verdict: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    rate: Annotated[int, Field(ge=1, le=6000)] = _PER_MINUTE
    limit: Annotated[int, Field(ge=1, le=_MOST)] = _LIMIT
    dry_run: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        filters = ("source", "state", "verdict", "since", "until")
        given = {name for name in filters if getattr(self, name) is not None}
        if self.ids is not None and given:
            raise ValueError("ids name the records; they go with no filter")
        if self.ids is None and not given:
            raise ValueError("name ids, or give a filter: source, state, verdict, since, until")
        wrong = "state" if self.what == "deliveries" else "verdict"
        if wrong in given:
            raise ValueError(f"{self.what} are not chosen by {wrong}")
        if self.chosen is not None and self.chosen not in STATES[self.what]:
            kind = "verdict" if self.what == "deliveries" else "state"
            known = ", ".join(STATES[self.what])
            raise ValueError(
                f"{self.what} can be replayed where their {kind} is one of: {known}; "
                f"and not {self.chosen}"
            )
        return self

    @property
    def chosen(self) -> str | None:
        """The state or verdict that is asked for."""
        return self.state or self.verdict


async def begin(request: Request) -> Response:
    """Begin a bulk replay; with `dry_run` only count."""
    state, caller = state_of(request), caller_of(request)
    caller.require("request")
    asked = await read_body(request, ReplayOrder, wrong=invalid_fields)
    found = await chosen(state, asked)
    if asked.dry_run:
        shown = {"total": len(found.ids), "ids": found.ids[:_SHOWN]}
        return answer(answers.ReplayCount.about(found, what=asked.what, **shown))
    replay = await order(state, caller, asked, found, idempotency_key(request))
    location = {"Location": f"/v1/replays/{replay.id}"}
    return answer(await told(state, replay), 202, location)


async def chosen(state: ServiceState, asked: ReplayOrder) -> Found:
    """The records that are asked for."""
    if asked.ids is not None:
        ids = tuple(dict.fromkeys(asked.ids))
        return Found(ids[: asked.limit] if "limit" in asked.model_fields_set else ids, len(ids))
    wanted = Filter(asked.what, asked.source, asked.chosen, asked.since, asked.until)
    return await select(state.ledger, wanted, asked.limit)


async def order(
    state: ServiceState, caller: Caller, asked: ReplayOrder, found: Found, key: str | None
) -> BulkReplay:
    """Begin a bulk replay of these records, once for a `key`. Raises RoleMissing."""
    caller.require("request")
    ordered = Order(
        what=asked.what,
        by=caller.name,
        ids=found.ids,
        matched=found.matched,
        named=asked.ids is not None,
        rate=asked.rate,
        filter=_filter(asked),
        asked=hashlib.sha256(asked.model_dump_json().encode()).hexdigest(),
        mode=state.settings.policy.mode,
    )
    replay_id = named(caller, key) if key else new_id("rpl")
    replay = await state.ledger.replays.begin(replay_id, ordered, state.clock())
    log.info("replay", replay_id=replay_id, what=asked.what, operator=caller.name)
    return replay


async def show_all(request: Request) -> Response:
    """The newest bulk replays."""
    caller_of(request)
    state = state_of(request)
    newest = await state.ledger.replays.newest(_NEWEST)
    found = [answers.ReplayRow.about(await told(state, each)) for each in newest]
    return answer(answers.Replays(replays=found))


async def show(request: Request) -> Response:
    """One bulk replay: how far it is, and what it refused."""
    caller_of(request)
    state = state_of(request)
    replay = await state.ledger.replays.get(request.path_params["replay_id"])
    return answer(await told(state, replay))


async def cancel(request: Request) -> Response:
    """Stop a bulk replay after the record that it is at. What was replayed stays replayed."""
    state, caller = state_of(request), caller_of(request)
    replay = await stop(state, caller, request.path_params["replay_id"])
    return answer(await told(state, replay))


def named(caller: Caller, key: str) -> str:
    """The id of the bulk replay that this operator begins with this key."""
    return f"rpl_{hashlib.sha256(f'{caller.name}:{key}'.encode()).hexdigest()[:20]}"


async def stop(state: ServiceState, caller: Caller, replay_id: str) -> BulkReplay:
    """Stop a bulk replay for this operator. Raises RoleMissing, NotFound, Conflict."""
    caller.require("request")
    replay = await state.ledger.replays.stop(replay_id, by=caller.name, now=state.clock())
    log.info("replay_stopped", replay_id=replay.id, operator=caller.name)
    return replay


def _filter(asked: ReplayOrder) -> Mapping[str, Any]:
    chosen = {"source": asked.source, "state": asked.state, "verdict": asked.verdict}
    times = {"since": asked.since, "until": asked.until}
    return {name: value for name, value in chosen.items() if value is not None} | {
        name: rfc3339(value) for name, value in times.items() if value is not None
    }


async def told(state: ServiceState, replay: BulkReplay) -> answers.Replay:
    """A bulk replay with what came of it so far."""
    outcomes = await state.ledger.replays.outcomes(replay.id)
    refused = {why: count for why, count in outcomes.counts.items() if why != "replayed"}
    return answers.Replay.about(
        replay,
        filter=replay.filter or None,
        done=replay.next,
        replayed=outcomes.counts.get("replayed", 0),
        refused_by_reason=dict(sorted(refused.items())),
        refused=dict(sorted(outcomes.refused.items())),
    )
