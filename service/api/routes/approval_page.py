"""`/approve/{token}`: the page behind an approval link.

GET changes nothing, so mail scanners and link previews are harmless. The link shows the plan and is
no authority: a POST needs the form that we gave out, an operator's token, and the name.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.errors import (
    Forbidden,
    NotFound,
    StorageUnavailable,
    Unauthorized,
    UnglueError,
)
from service.access.operators import Caller
from service.api.answers import storage_trouble
from service.api.bodies import form_of
from service.api.state import ServiceState, caller_with, state_of
from service.approval import deciding, pages
from service.approval.refusals import refused
from workers.ledger.installation.condition import NotDurable
from workers.ledger.records import Deletion
from workers.outbox.approval_link import opened, sealed, ticket_of
from workers.times.clock import to_ms

_FORM: Final = "approval form"
_FORM_LASTS: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why a link leads to no plan. `why` is the reason code of the audit entry."""

    why: str
    status: int
    title: str
    text: str
    deletion_id: str = ""


async def show(request: Request) -> Response:
    """The plan, if the link is a live one."""
    state, token = state_of(request), request.path_params["token"]
    try:
        found = await _behind(state, token)
        if isinstance(found, _Refused):
            return await _refuse(state, found, token)
    except RedisError as error:
        return _away(state, error, token)
    return pages.plan(found, state.settings, _form_for(state, token))


async def decide(request: Request) -> Response:
    """Approve or reject."""
    state, token = state_of(request), request.path_params["token"]
    given = await form_of(request)
    try:
        found = await _behind(state, token)
        if isinstance(found, _Refused):
            before = await _decided_before(state, request, found, given)
            if before is None:
                return await _refuse(state, found, token)
            found = before
    except RedisError as error:
        return _away(state, error, token)
    rejecting = given.get("decision") == "reject"
    try:
        caller = await _caller(state, request, found, given)
        if rejecting:
            await deciding.reject(state, caller, found, reason=given.get("reason", ""))
        else:
            await deciding.approve(
                state,
                caller,
                found,
                seen=found.asked.seen if found.asked else "",
                force=given.get("force_delete") == "yes",
                reason=given.get("reason", ""),
                org_name=given.get("name", ""),
            )
    except UnglueError as error:
        # It may have moved, or somebody else decided, while this one was reading.
        with contextlib.suppress(RedisError):
            now = await _behind(state, token)
            if isinstance(now, _Refused):
                return pages.message(now.title, now.text, status=now.status, deletion_id=found.id)
        problem = refused(error)
    except RedisError as error:
        problem = _unsure(error, rejecting=rejecting)
    else:
        return _done(found, rejecting=rejecting)
    # The operator's token is never sent back.
    return pages.plan(
        found,
        state.settings,
        _form_for(state, token),
        problem=problem,
        typed=given.get("name", ""),
        why=given.get("reason", ""),
        rejecting=rejecting,
    )


async def _decided_before(
    state: ServiceState, request: Request, refused: _Refused, given: Mapping[str, str]
) -> Deletion | None:
    """What this form was about before somebody decided: it may be the same form again."""
    token = request.path_params["token"]
    ticket = ticket_of(state.settings, token)
    repeatable = refused.why in {"approved_before", "ended"}
    if ticket is None or not repeatable or not _ours(state, request, given.get("form", ""), token):
        return None
    deletion = await state.ledger.deletions.get(ticket.deletion_id)
    if deletion.asked is None or deletion.generation != ticket.generation:
        return None
    return deletion if deletion.asked.seen == ticket.seen else None


def _away(state: ServiceState, error: RedisError, token: str) -> HTMLResponse:
    """Nobody was asked to decide anything yet."""
    how = storage_trouble(error)
    ticket = ticket_of(state.settings, token)
    return pages.message(
        "Nothing can be decided now",
        f"Redis, where Unglue keeps its ledger, is not usable ({how}). This decided nothing "
        "and changed nothing. Try again in a minute.",
        status=StorageUnavailable.http_status,
        deletion_id=ticket.deletion_id if ticket else "",
        again=True,
    )


def _unsure(error: RedisError, *, rejecting: bool) -> pages.Problem:
    """What is known of a decision in whose midst Redis failed, and what to do."""
    how = storage_trouble(error)
    if isinstance(error, NotDurable):
        done = "rejected" if rejecting else "approved"
        lead = f"It is {done}, and that may yet be lost."
        why = "Redis did not confirm in time that it is on disk."
    else:
        lead = "It is not known whether that was decided."
        why = f"Redis, where Unglue keeps its ledger, is not usable ({how})."
    why = f"{why} Send the same again in a minute: nothing happens twice."
    return pages.Problem(lead, why, StorageUnavailable.http_status)


async def _behind(state: ServiceState, token: str) -> Deletion | _Refused:
    """The deletion that waits behind a link, as the link shows it."""
    ticket = ticket_of(state.settings, token)
    if ticket is None:
        text = "The address was altered, cut off, or made by somebody else. Use it as it was sent."
        return _Refused("altered", 403, "This link is not valid here", text)
    name = ticket.deletion_id
    try:
        deletion = await state.ledger.deletions.get(name)
    except NotFound:
        text = "Its deletion is not known here. It is long over, or another installation's."
        return _Refused("unknown", 404, "There is nothing behind this link", text, name)
    granted = deletion.granted
    if deletion.terminal:
        text = f"It is {deletion.state.replace('_', ' ')}. There is nothing left to decide."
        return _Refused("ended", 410, "This deletion has ended", text, name)
    if deletion.generation != ticket.generation:
        text = "It was replayed since, and is asked about again. Use the newest link."
        return _Refused("generation", 409, "This link is of an earlier attempt", text, name)
    if granted is not None:
        stop = (
            "The call has gone out to IT Glue, so it cannot be stopped any more."
            if deletion.intent.unsettled
            else f"To stop it still: unglue cancel {name}"
        )
        text = f"{granted.by} approved it. {stop}"
        return _Refused("approved_before", 409, "This deletion is approved already", text, name)
    asked = deletion.asked
    if asked is None or not deletion.awaits_approval:
        text = f"It is {deletion.state.replace('_', ' ')} and does not wait for anybody."
        return _Refused("not_awaiting", 409, "There is nothing to decide now", text, name)
    if asked.seen != ticket.seen:
        text = "The plan moved since this link was sent. Use the newest link, which shows how."
        return _Refused("moved", 409, "This link shows an older plan", text, name)
    now = state.clock()
    if now >= min(asked.until, ticket.ends):
        text = "Nobody approved it in time, so it is cancelled. Ask again, or replay it."
        return _Refused("expired", 410, "This link has expired", text, name)
    return deletion


async def _refuse(state: ServiceState, refused: _Refused, token: str) -> HTMLResponse:
    link = hashlib.sha256(token.encode()).hexdigest()[:16]
    detail = {"why": refused.why, "link": link}
    if refused.deletion_id:
        detail["deletion_id"] = refused.deletion_id
    await state.ledger.audit.write_seldom("link_refused", detail, state.clock())
    return pages.message(
        refused.title, refused.text, status=refused.status, deletion_id=refused.deletion_id
    )


def _form_for(state: ServiceState, token: str) -> str:
    """What proves that a form came from the page of this link, for an hour."""
    content = (hashlib.sha256(token.encode()).hexdigest(), to_ms(state.clock()))
    return sealed(state.settings.secret_keys, _FORM, content)


def _ours(state: ServiceState, request: Request, form: str, token: str) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    content = opened(state.settings.secret_keys, _FORM, form)
    if content is None:
        return False
    link, made_at = content
    age = to_ms(state.clock()) - made_at
    fresh = age < _FORM_LASTS / timedelta(milliseconds=1)
    return bool(link == hashlib.sha256(token.encode()).hexdigest() and fresh)


async def _caller(
    state: ServiceState, request: Request, shown: Deletion, given: Mapping[str, str]
) -> Caller:
    """The operator who sent the form.

    Raises:
        Forbidden: the form is not from our page.
        Unauthorized: the token is nobody's.
        TooManyAttempts: the same, and too often from this address.
    """
    what = "reject" if given.get("decision") == "reject" else "approve"
    if not _ours(state, request, given.get("form", ""), request.path_params["token"]):
        await deciding.audit_refusal(state, what, shown, None, "form")
        raise Forbidden("the form is too old, or did not come from this page; send it again")
    token = given.get("token", "").strip()
    try:
        return caller_with(request, f"Bearer {token}" if token else None)
    except Unauthorized:
        await deciding.audit_refusal(state, what, shown, None, "token")
        raise Unauthorized("unknown operator token; see [operators] in unglue.toml") from None


def _done(shown: Deletion, *, rejecting: bool) -> HTMLResponse:
    name = shown.plan.organization.name if shown.plan else shown.id
    if rejecting:
        text = f"The deletion of {name} is cancelled. Nothing was deleted."
        return pages.message("Rejected", text, tone="go", deletion_id=shown.id)
    text = (
        f"The deletion of {name} goes on. The plan is made once more and must be what you saw. "
        f"To stop it still: unglue cancel {shown.id}"
    )
    return pages.message("Approved", text, tone="go", deletion_id=shown.id)
