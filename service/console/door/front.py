"""What every page and every form asks before it shows or does anything."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from adapters.errors import Forbidden
from service.access.operators import Caller
from service.access.peers import peer_of
from service.access.proxied import proxied
from service.api.bodies import form_of
from service.api.state import ServiceState, state_of
from service.console.door import session as sessions
from service.console.door.session import Session
from service.console.page import page

log = structlog.get_logger()
LOG_IN: Final = "/log-in"
BY_PROXY: Final = "/log-in/proxy"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is logged in. `form` holds the fields of a POST."""

    request: Request
    state: ServiceState
    session: Session
    caller: Caller
    form: Mapping[str, str]

    def may(self, *roles: str) -> bool:
        """Whether the operator has one of these roles; of none: any at all."""
        return bool(set(roles or self.caller.roles) & set(self.caller.roles))

    def page(self, template: str, title: str, **shown: Any) -> HTMLResponse:  # noqa: ANN401 - what a template shows
        """A page for who is logged in."""
        settings, session = self.state.settings, self.session
        return page(self.request, template, title, settings=settings, session=session, **shown)


Look = Callable[[Visit], Awaitable[Response]]
Route = Callable[[Request], Awaitable[Response]]


def looking(look: Look) -> Route:
    """The route of a page that only shows."""

    async def route(request: Request) -> Response:
        state = state_of(request)
        session = await _session(request, state)
        if session is None:
            return _to_log_in(request)
        found = await look(_visit(request, state, session, {}))
        # A page that looks by itself every few seconds keeps nobody logged in.
        if "x-live" not in request.headers:
            set_cookie(found, state, session)
        return found

    return route


def acting(act: Look, *, stays: bool = True) -> Route:
    """The route of a form; after it the session goes on if it `stays`. Raises Forbidden."""

    async def route(request: Request) -> Response:
        state = state_of(request)
        form = await form_of(request)
        session = await _session(request, state)
        if session is None:
            return RedirectResponse(LOG_IN, 303)
        if not session.sent(request, state.settings, form.get("csrf", "")):
            raise Forbidden("the form did not come from a page of this session; open it again")
        done = await act(_visit(request, state, session, form))
        if stays:
            set_cookie(done, state, session)
        return done

    return route


def _visit(
    request: Request, state: ServiceState, session: Session, form: Mapping[str, str]
) -> Visit:
    caller = sessions.caller(state.settings, session)
    return Visit(request, state, session, caller, form)


async def _session(request: Request, state: ServiceState) -> Session | None:
    await note_refused(request, state)
    return await sessions.live(state.settings, state.ledger.store, request, state.clock())


async def note_refused(request: Request, state: ServiceState) -> None:
    """Write down who sent the proxy's header and is not believed."""
    named = proxied(state.settings, request)
    if named.refused is not None:
        detail = {"peer": peer_of(named.peer), "why": named.refused}
        log.warning("login_header_refused", **detail)
        await state.ledger.audit.write_seldom("login_header_refused", detail, state.clock())


def _to_log_in(request: Request) -> Response:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    onward = "" if target == "/" else f"?next={quote(target, safe='')}"
    way = BY_PROXY if proxied(state_of(request).settings, request).operator else LOG_IN
    return RedirectResponse(f"{way}{onward}", 303)


def set_cookie(answer: Response, state: ServiceState, session: Session) -> None:
    """The session goes on from now."""
    answer.set_cookie(
        sessions.cookie_name(state.settings),
        session.sealed(state.settings, state.clock()),
        max_age=int(sessions.IDLE.total_seconds()),
        path="/",
        secure=sessions.secure(state.settings),
        httponly=True,
        samesite="lax",
    )
