"""The door: logging in and out, and what every page asks before it shows anything."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from adapters.errors import Forbidden, TooManyAttempts, Unauthorized
from service.access.operators import Caller, authenticate_basic
from service.api.state import ServiceState, state_of
from service.console import session as sessions
from service.console.page import message, page
from service.console.session import Ends, Session

log = structlog.get_logger()
LOG_IN: Final = "/log-in"
_MOST_FIELDS: Final = 20
_NO_KEYS: Final = (
    "Sessions are signed, and there is no key to sign them with. Put secret_keys into unglue.toml "
    "(at the top of the file, a list of texts of 32 random characters or more; make one with: "
    "openssl rand -base64 32) and start the service again."
)


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

    def page(
        self, template: str, title: str, *, status: int = 200,
        **shown: Any,  # noqa: ANN401 - what a template shows
    ) -> HTMLResponse:  # fmt: skip
        """A page for who is logged in."""
        settings, session = self.state.settings, self.session
        return page(
            self.request, template, title, status=status, settings=settings, session=session,
            **shown,
        )  # fmt: skip


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
            _set(found, state, session)
        return found

    return route


def acting(act: Look, *, stays: bool = True) -> Route:
    """The route of a form; after it the session goes on if it `stays`.

    Raises:
        Forbidden: it did not come from a page of this session.
    """

    async def route(request: Request) -> Response:
        state = state_of(request)
        form = fields(request, await request.body())
        session = await _session(request, state)
        if session is None:
            return RedirectResponse(LOG_IN, 303)
        if not session.sent(request, state.settings, form.get("csrf", "")):
            raise Forbidden("the form did not come from a page of this session; open it again")
        done = await act(_visit(request, state, session, form))
        if stays:
            _set(done, state, session)
        return done

    return route


def _visit(
    request: Request, state: ServiceState, session: Session, form: Mapping[str, str]
) -> Visit:
    caller = sessions.caller(state.settings, session)
    return Visit(request, state, session, caller, form)


async def _session(request: Request, state: ServiceState) -> Session | None:
    return await sessions.live(state.settings, state.ledger.store, request.cookies, state.clock())


def fields(request: Request, body: bytes) -> Mapping[str, str]:
    """The fields of a form; empty if it is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return {}
    return dict(pairs)


async def show(request: Request) -> Response:
    """The log-in form."""
    state = state_of(request)
    if not state.settings.secret_keys:
        return message(request, "The console needs a key", _NO_KEYS, status=503)
    return _form(request, request.query_params.get("next", ""))


async def log_in(request: Request) -> Response:
    """A new session for who knows an operator's name and token."""
    state = state_of(request)
    if not state.settings.secret_keys:
        return message(request, "The console needs a key", _NO_KEYS, status=503)
    given = fields(request, await request.body())
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
        said = "This is no operator's name and token."
        if isinstance(error, TooManyAttempts):
            said = f"{error.message[:1].upper()}{error.message[1:]}."
        return _form(request, onward, name=name, problem=said, status=error.http_status)
    ends, now = Ends(state.ledger.store), state.clock()
    # Who logs in anew gets another session: what somebody planted or copied before is over.
    if (before := sessions.read(state.settings, request.cookies, now)) is not None:
        await ends.end(before)
    generation = await ends.generation(caller.name)
    session = sessions.begun(state.settings, caller.name, generation, now)
    log.info("logged_in", operator=caller.name)
    answer = RedirectResponse(_local(onward), 303)
    _set(answer, state, session)
    return answer


async def _log_out(visit: Visit) -> Response:
    ends = Ends(visit.state.ledger.store)
    await ends.end(visit.session)
    if visit.form.get("everywhere") == "yes":
        await ends.end_all(visit.caller.name)
        log.info("logged_out_everywhere", operator=visit.caller.name)
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


def _form(
    request: Request, onward: str, *, name: str = "", problem: str = "", status: int = 200
) -> Response:
    return page(
        request, "log_in.html", "Log in", status=status, name=name, onward=onward,
        problem=("", problem) if problem else None,
    )  # fmt: skip


def _to_log_in(request: Request) -> Response:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    onward = "" if target == "/" else f"?next={quote(target, safe='')}"
    return RedirectResponse(f"{LOG_IN}{onward}", 303)


def _local(target: str) -> str:
    """The page to go on to, if it is one of ours: a link must lead nobody away from here."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if ours and plain and not parts.netloc and not parts.scheme else "/"


def _set(answer: Response, state: ServiceState, session: Session) -> None:
    answer.set_cookie(
        sessions.cookie_name(state.settings),
        session.sealed(state.settings, state.clock()),
        max_age=int(sessions.IDLE.total_seconds()),
        path="/",
        secure=sessions.secure(state.settings),
        httponly=True,
        samesite="lax",
    )
