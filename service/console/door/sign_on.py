"""Single sign-on: to the identity provider, and back with its word on who it is.

The browser keeps what belongs to a sign-on under way, signed, so that a stranger who begins many
costs no memory here.
"""

from dataclasses import astuple
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.errors import ConfigurationError, NotFound, TooManyAttempts, Unauthorized
from service.access.claims import Begun, named_by
from service.api.state import ServiceState, state_of
from service.approval.refusals import refused
from service.console.door.log_in import enter, form
from service.console.door.session import secure
from workers.outbox.approval_link import opened, sealed
from workers.settings import Settings
from workers.times.clock import from_ms, to_ms

if TYPE_CHECKING:
    from service.access.oidc import Provider

log = structlog.get_logger()
BEGIN: Final = "/log-in/oidc"
BACK: Final = "/log-in/oidc/back"
_TIME: Final = timedelta(minutes=10)
_SALT: Final = "console sign-on"
_FIELDS: Final = 5
_LONGEST_WAY_ON: Final = 300


def _cookie(settings: Settings) -> str:
    return "__Host-unglue-sign-on" if secure(settings) else "unglue_sign_on"


async def begin(request: Request) -> Response:
    """To the identity provider."""
    state = state_of(request)
    onward = request.query_params.get("next", "")
    if state.provider is None:
        raise NotFound("there is no single sign-on here")
    try:
        url, begun = await state.provider.begin()
    except Unauthorized as error:
        return form(request, "", problem=refused(error, ""))
    settings, now = state.settings, to_ms(state.clock())
    kept = (*astuple(begun), onward if len(onward) <= _LONGEST_WAY_ON else "", now)
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        _cookie(settings), sealed(settings.secret_keys, _SALT, kept),
        max_age=int(_TIME.total_seconds()), path="/", secure=secure(settings), httponly=True,
        samesite="lax",
    )  # fmt: skip
    return answer


async def back(request: Request) -> Response:
    """From the identity provider: a new session for who it says it is."""
    state = state_of(request)
    try:
        answer = await _back(request, state)
    except TooManyAttempts as error:
        answer = form(request, "", problem=refused(error, ""))
    except Unauthorized as error:
        log.warning("sign_on_failed", detail=error.message)
        await state.logins.report(state.ledger.audit)
        answer = form(request, "", problem=refused(error, ""))
    # It was good for this once.
    answer.delete_cookie(
        _cookie(state.settings), secure=secure(state.settings), httponly=True, samesite="lax"
    )
    return answer


async def _back(request: Request, state: ServiceState) -> Response:
    if state.provider is None:
        raise NotFound("there is no single sign-on here")
    now = state.clock()
    kept = opened(
        state.settings.secret_keys, _SALT, request.cookies.get(_cookie(state.settings), "")
    )
    if kept is None or len(kept) != _FIELDS or now - from_ms(kept[4]) >= _TIME:
        raise Unauthorized("this sign-on was not begun here, or too long ago; begin it again")
    begun = Begun(*kept[:3])
    host = request.client.host if request.client else None
    with state.logins.attempt(host):
        claims = await state.provider.finish(begun, request.query_params, now)
        name, roles = named_by(state.settings, claims)
    return await enter(request, name, "oidc", kept[3], roles)


def open_provider(settings: Settings) -> "Provider | None":
    """The identity provider, if one is configured. Raises ConfigurationError."""
    if not settings.oidc.issuer:
        return None
    try:
        from service.access.oidc import Provider  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise ConfigurationError(
            "[oidc] is configured, and single sign-on is not installed; it is the extra: "
            "unglue[oidc]"
        ) from None
    return Provider(settings.oidc, f"{settings.public_url.rstrip('/')}{BACK}")
