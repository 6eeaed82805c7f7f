"""Logging in and out, by an operator's token or a proxy's word, and how a session begins."""

import base64
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.errors import Forbidden, NotFound, TooManyAttempts, Unauthorized
from service.access.operators import authenticate_basic
from service.access.peers import peer_of
from service.access.proxied import proxied
from service.api.bodies import form_of
from service.api.state import ServiceState, state_of
from service.approval.pages import Problem
from service.approval.refusals import refused
from service.console.door import session as sessions
from service.console.door.front import (
    LOG_IN,
    Visit,
    acting,
    note_refused,
    set_cookie,
)
from service.console.door.session import Ends, Way
from service.console.page import message, page
from workers.settings.operators import Role

log = structlog.get_logger()
_NO_KEYS: Final = (
    "Sessions are signed, and there is no key to sign them with. Put secret_keys into unglue.toml "
    "(at the top of the file, a list of texts of 32 random characters or more; make one with: "
    "openssl rand -base64 32) and start the service again."
)


async def show(request: Request) -> Response:
    """The log-in form."""
    state = state_of(request)
    if not state.settings.secret_keys:
        return message(request, "The console needs a key", _NO_KEYS, status=503)
    return form(request, request.query_params.get("next", ""))


async def log_in(request: Request) -> Response:
    """A new session for who knows an operator's name and token."""
    state = state_of(request)
    if not state.settings.secret_keys:
        return message(request, "The console needs a key", _NO_KEYS, status=503)
    given = await form_of(request)
    onward, name = given.get("next", ""), given.get("name", "").strip()
    if not sessions.from_us(request):
        raise Forbidden("the form came from another site")
    secret = f"{name}:{given.get('token', '').strip()}".encode()
    try:
        caller = state.logins.admit(
            request.client.host if request.client else None,
            f"Basic {base64.b64encode(secret).decode()}",
            partial(authenticate_basic, state.settings.operators),
        )
    except (Unauthorized, TooManyAttempts) as error:
        await state.logins.report(state.ledger.audit)
        problem = Problem("", "No operator has this name and token.", error.http_status)
        if isinstance(error, TooManyAttempts):
            problem = refused(error, "")
        return form(request, onward, name=name, problem=problem)
    return await enter(request, caller.name, "token", onward)


async def by_proxy(request: Request) -> Response:
    """A new session for whom a listed proxy names."""
    state = state_of(request)
    await note_refused(request, state)
    named = proxied(state.settings, request)
    onward = request.query_params.get("next", "")
    if not state.settings.login.header:
        raise NotFound("nobody is named by a proxy here")
    if not named.operator:
        said = "The proxy before this service does not name an operator."
        return form(request, onward, problem=Problem("", said, 401))
    return await enter(request, named.operator, "header", onward)


async def enter(
    request: Request, name: str, way: Way, onward: str, roles: tuple[Role, ...] | None = None
) -> Response:
    """A new session of this operator, and the way on."""
    state = state_of(request)
    ends, now = Ends(state.ledger.store), state.clock()
    # Who logs in anew gets another session: what somebody planted or copied before is over.
    if (before := sessions.read(state.settings, request.cookies, now)) is not None:
        await ends.end(before)
    generation = await ends.generation(name)
    session = sessions.begun(state.settings, name, generation, now, way, roles)
    await _written(request, state, "logged_in", operator=name, way=way)
    state.logins.seen[name] = now
    answer = RedirectResponse(_local(onward), 303)
    set_cookie(answer, state, session)
    return answer


async def _written(request: Request, state: ServiceState, what: str, **said: str) -> None:
    """Who came and went is in the audit log before it happens."""
    detail = {**said, "peer": peer_of(request.client.host if request.client else None)}
    await state.ledger.audit.write(what, detail, state.clock())
    log.info(what, **detail)


async def _log_out(visit: Visit) -> Response:
    ends, everywhere = Ends(visit.state.ledger.store), visit.form.get("everywhere") == "yes"
    await ends.end(visit.session)
    if everywhere:
        await ends.end_all(visit.caller.name)
    what = "logged_out_everywhere" if everywhere else "logged_out"
    await _written(visit.request, visit.state, what, operator=visit.caller.name)
    return RedirectResponse(LOG_IN, 303)


async def log_out(request: Request) -> Response:
    """End this session, or every session of this operator."""
    answer = await acting(_log_out, stays=False)(request)
    answer.headers["Clear-Site-Data"] = '"cache"'
    answer.delete_cookie(
        sessions.cookie_name(state_of(request).settings),
        secure=sessions.secure(state_of(request).settings), httponly=True, samesite="lax",
    )  # fmt: skip
    return answer


def form(
    request: Request, onward: str, *, name: str = "", problem: Problem | None = None
) -> Response:
    """The log-in form, with the other ways in that there are."""
    settings = state_of(request).settings
    return page(
        request, "log_in.html", "Log in", name=name, onward=onward, problem=problem,
        named=proxied(settings, request).operator, sign_on=bool(settings.oidc.issuer),
    )  # fmt: skip


def _local(target: str) -> str:
    """The page to go on to, if it is one of ours: a link must lead nobody away from here."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if ours and plain and not parts.netloc and not parts.scheme else "/"
