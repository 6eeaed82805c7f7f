"""`/v1/deletions`: ask for a deletion, look at it, approve or reject it, stop it."""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Annotated

import structlog
from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidRequest
from adapters.models import DeletionRequest, Strict
from service.access.operators import Caller
from service.api.answers import answer, invalid, invalid_fields, waits_for
from service.api.bodies import LONGEST_REASON, Reason, json_of, read_body
from service.api.openapi import answers
from service.api.state import ServiceState, caller_of, state_of
from service.approval import deciding, standing
from workers.ledger.deleting.deletions import Anew
from workers.ledger.records import ErrorEntry
from workers.network.addresses import AddressRefused, target
from workers.outbox.approval_link import link_of
from workers.pipeline.result import result_of
from workers.pipeline.terms import known_as
from workers.processes.runtime import new_id
from workers.settings.destinations import CallbackSettings

log = structlog.get_logger()
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})(?:$|[,;\s])")
_LONGEST_WAIT = 60
_LOOK_EVERY = 0.1
_LONGEST_KEY = 200


async def create(request: Request) -> Response:
    """Ask for a deletion. The requester confirms with `confirm_delete`."""
    state, caller = state_of(request), caller_of(request)
    caller.require("request")
    asked = _parse(await request.body())
    if asked.callback_url is not None:
        _require_callback(state.settings.callback, asked.callback_url)
    key = idempotency_key(request)
    deletion_id, job = await state.ledger.deletions.create(
        deletion_id=new_id("del"),
        request=asked,
        operator=caller.name,
        callback_url=asked.callback_url or state.settings.callback.url or "",
        idempotency_key=key,
        now=state.clock(),
        mode=state.settings.policy.mode,
        asked_as=known_as(caller.name, state.settings),
    )
    if job is not None:
        await state.jobs.advance(deletion_id, job)
    log.info("requested", deletion_id=deletion_id, operator=caller.name, queued=job is not None)
    headers = {"Location": f"/v1/deletions/{deletion_id}"}
    wait = _WAIT.search(request.headers.get("prefer", ""))
    seconds = min(int(wait[1]), _LONGEST_WAIT) if wait else 0
    if wait:
        headers["Preference-Applied"] = f"wait={seconds}"
    status = 200 if wait and await _ended_within(state, deletion_id, seconds) else 202
    return await _as_it_stands(state, caller, deletion_id, status, headers)


async def show(request: Request) -> Response:
    """One deletion, with everything that is known of it."""
    state, caller = state_of(request), caller_of(request)
    return await _as_it_stands(state, caller, request.path_params["deletion_id"])


async def cancel(request: Request) -> Response:
    """Stop a deletion before its call goes out; 409 afterwards. Any role may."""
    state, caller = state_of(request), caller_of(request)
    deletion_id = request.path_params["deletion_id"]
    await stop(state, caller, deletion_id)
    return await _as_it_stands(state, caller, deletion_id)


async def stop(state: ServiceState, caller: Caller, deletion_id: str) -> None:
    """Stop it for this operator. Raises RoleMissing, NotFound, Conflict."""
    caller.require_any()
    now = state.clock()
    error = ErrorEntry.cancelled(f"cancelled by operator {caller.name}", now)
    await state.ledger.deletions.cancel(deletion_id, operator=caller.name, error=error, now=now)
    log.info("cancelled", deletion_id=deletion_id, operator=caller.name)


class Approval(Strict):
    """`digest` is what stands under `approval` in the deletion as the approver saw it.

    `org_name`, if it is given, must be the organization's name.
    """

    digest: Annotated[str, Field(min_length=1, max_length=200)]
    force_delete: bool = False
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    org_name: Annotated[str, Field(max_length=1000)] | None = None


async def approve(request: Request) -> Response:
    """Approve what was seen; 409 if it moved since, or does not wait for that."""
    state, caller = state_of(request), caller_of(request)
    given = await read_body(request, Approval, wrong=invalid_fields)
    shown = await state.ledger.deletions.get(request.path_params["deletion_id"])
    await deciding.approve(
        state,
        caller,
        shown,
        seen=given.digest,
        force=given.force_delete,
        reason=given.reason,
        org_name=given.org_name,
    )
    return await _as_it_stands(state, caller, shown.id)


async def reject(request: Request) -> Response:
    """End a deletion that waits for approval."""
    state, caller = state_of(request), caller_of(request)
    given = await read_body(request, Reason, wrong=invalid_fields)
    shown = await state.ledger.deletions.get(request.path_params["deletion_id"])
    await deciding.reject(state, caller, shown, reason=given.reason)
    return await _as_it_stands(state, caller, shown.id)


async def replay(request: Request) -> Response:
    """Begin a deletion that ended without success again, as a new decision of this operator."""
    state, caller = state_of(request), caller_of(request)
    deletion_id = request.path_params["deletion_id"]
    await begin_anew(state, caller, deletion_id, idempotency_key(request))
    return await _as_it_stands(state, caller, deletion_id, 202)


async def begin_anew(
    state: ServiceState, caller: Caller, deletion_id: str, key: str | None, shown: str = ""
) -> None:
    """Replay it for this operator; with the same `key` nothing happens twice.

    `shown` is the generation of which the operator saw the end, "" if that is not said.

    Raises:
        RoleMissing: the operator may not ask for deletions.
        NotFound: there is no such deletion.
        ReplayRefused: it must not be, and why.
    """
    caller.require("request")
    deletion = await state.ledger.deletions.get(deletion_id)
    job = await state.ledger.deletions.replay(
        deletion.id,
        operator=caller.name,
        token=f"{caller.name}:{key}" if key else new_id("once"),
        callback_url=deletion.request.callback_url or state.settings.callback.url or "",
        overrule=True,
        now=state.clock(),
        asked=Anew(state.settings.policy.mode, known_as(caller.name, state.settings), shown),
    )
    if job is not None:
        await state.jobs.advance(deletion.id, job)
    log.info("replayed", deletion_id=deletion.id, operator=caller.name, queued=job is not None)


def idempotency_key(request: Request) -> str | None:
    """The `Idempotency-Key`. Raises InvalidRequest: it is empty or too long."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise InvalidRequest("Idempotency-Key must have 1 to 200 characters")
    return key


def _parse(body: bytes) -> DeletionRequest:
    content = json_of(body)
    if isinstance(content, dict) and "psa" in content:
        raise InvalidRequest("psa: only adapters may set it; ask by org_id or org_name")
    try:
        return DeletionRequest.model_validate(content)
    except ValidationError as error:
        raise invalid(error) from None


def _require_callback(settings: CallbackSettings, url: str) -> None:
    """Refuse now what could not be sent later, while somebody listens. Raises InvalidRequest."""
    if not settings.secrets:
        raise InvalidRequest(
            "callback_url: results are never sent unsigned, and callback.secrets is not configured"
        )
    try:
        target(
            url,
            allowed_hosts=settings.allowed_hosts,
            allow_private=settings.allow_private_networks,
        )
    except AddressRefused as error:
        raise InvalidRequest(f"callback_url: {error.message}") from None


async def _ended_within(state: ServiceState, deletion_id: str, seconds: int) -> bool:
    """Whether it ends in that time; a service that is told to stop waits no longer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    stopping = state.server.stopping
    while not (await state.ledger.deletions.get(deletion_id)).terminal:
        if stopping.is_set() or loop.time() >= deadline:
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_EVERY)
    return True


async def _as_it_stands(
    state: ServiceState,
    caller: Caller,
    deletion_id: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    view = await state.ledger.views.of(deletion_id)
    deletion = view.deletion
    plan = deletion.plan
    may = "approve" in caller.roles
    content = answers.Deletion.about(
        deletion,
        due_at=None if deletion.terminal else standing.due_at(deletion),
        waits_for=waits_for(deletion),
        approvers=standing.approvers(deletion, state.settings),
        request=deletion.request.plain(),
        plan=answers.JudgedPlan.about(plan) if plan else None,
        approval=standing.approval(deletion),
        approval_url=link_of(state.settings, deletion) if may else None,
        journal=view.journal,
        result=result_of(deletion) if deletion.terminal else None,
        callbacks=view.callbacks,
        history=[
            answers.Earlier.about(
                each, finished_at=each.finished_at or each.updated_at, result=result_of(each)
            )
            for each in view.earlier
        ],
    )
    return answer(content, status, headers)
