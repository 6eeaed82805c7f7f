"""Answers, and errors in the one form that every error of the API has."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import structlog
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import (
    InvalidIdentifier,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    SignatureInvalid,
    StorageUnavailable,
    TooManyAttempts,
    Unauthorized,
    UnglueError,
)
from service.api.state import state_of
from workers.ledger.installation.condition import condition_of
from workers.ledger.records import Deletion
from workers.pipeline.states import WAITING
from workers.settings.wrong_input import faults
from workers.times.clock import rfc3339, system_clock

log = structlog.get_logger()
_IDENTIFIERS = {"org_id", "org_name"}
# In seconds, where Redis is not usable.
RETRY_AFTER = "5"


PRIVATE: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def _hidden(text: str) -> str:
    # A style or script of ours holds no text of others.
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page_headers(
    style: str, script: str = "", *, forms: str = "'self'", cache: str = "no-store",
    referrer: str = "no-referrer",
) -> dict[str, str]:  # fmt: skip
    """What a page is sent with: it loads nothing, runs only our own, and nobody frames it."""
    runs = f"script-src 'sha256-{_hidden(script)}'; connect-src 'self'; " if script else ""
    return {
        "Cache-Control": cache,
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_hidden(style)}'; {runs}form-action {forms}; "
            "frame-ancestors 'none'; base-uri 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": referrer,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex",
    }


# Kept: making one costs as much as it does.
encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer(
    content: BaseModel | Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON answer, which no cache keeps: approval links stand in some."""
    plain = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    body = encode(plain)
    return Response(body, status, {**PRIVATE, **(headers or {})}, media_type="application/json")


def waits_for(deletion: Deletion) -> str | None:
    """Why a deletion waits, where that is no step's own doing."""
    return deletion.waits_for or None if deletion.state in WAITING else None


# What asks for these changes nothing.
READS: Final = frozenset({"GET", "HEAD"})


def error_answer(
    error: UnglueError, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error of ours as an answer."""
    entry = {
        "code": error.code,
        "message": error.message,
        "timestamp": rfc3339(system_clock()),
    }
    return answer({"errors": [entry]}, status or error.http_status, headers)


def invalid_fields(error: ValidationError) -> InvalidRequest:
    """What is wrong with the input, field by field."""
    return InvalidRequest("; ".join(faults(error, whole="body")))


def invalid(error: ValidationError) -> InvalidRequest:
    """The same of what names an organization: wrong identifiers have a code of their own."""
    found = error.errors(include_url=False, include_input=False)
    # The model itself is at fault only when no identifier was given.
    unidentified = any(
        fault["loc"][0] in _IDENTIFIERS if fault["loc"] else fault["type"] == "value_error"
        for fault in found
    )
    wrong = invalid_fields(error)
    return InvalidIdentifier(wrong.message) if unidentified else wrong


async def on_unglue_error(request: Request, error: Exception) -> Response:
    """Errors raised on purpose."""
    if not isinstance(error, UnglueError):
        raise error
    if isinstance(error, Unauthorized | TooManyAttempts):
        state = state_of(request)
        await state.logins.report(state.ledger.audit)
    if isinstance(error, TooManyAttempts):
        return error_answer(error, headers={"Retry-After": str(error.retry_after)})
    token_missing = isinstance(error, Unauthorized) and not isinstance(error, SignatureInvalid)
    return error_answer(error, headers={"WWW-Authenticate": "Bearer"} if token_missing else None)


def storage_trouble(error: Exception) -> str:
    """In what condition Redis is, for who is answered and for the log."""
    how = condition_of(error) or "refusing"
    log.error("storage_unavailable", redis=how, error=type(error).__name__)
    return how


async def on_redis_error(request: Request, error: Exception) -> Response:
    """The record does not answer."""
    how = storage_trouble(error)
    unavailable = StorageUnavailable(
        f"Redis is not usable ({how}), so nothing can be shown; ask again later"
        if request.method in READS
        else f"Redis is not usable ({how}), so it is not known whether anything was changed; "
        "send the same again later, with the same Idempotency-Key if you sent one"
    )
    return error_answer(unavailable, headers={"Retry-After": RETRY_AFTER})


async def on_internal_error(_request: Request, _error: Exception) -> Response:
    """A bug of ours; Starlette raises it again, so it is in the log with its traceback."""
    return error_answer(UnglueError("something went wrong inside Unglue; see the service's log"))


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Starlette's own: no such route, wrong method."""
    if not isinstance(error, HTTPException):
        raise error
    ours: UnglueError
    match error.status_code:
        case 404:
            ours = NotFound("there is nothing at this address")
        case 405:
            ours = MethodNotAllowed("this address does not take this method")
        case _:
            ours = InvalidRequest(error.detail)
    return error_answer(ours, error.status_code, error.headers)


async def on_disconnect(_request: Request, _error: Exception) -> Response:
    """The caller left before its body was complete: nobody reads this, and nothing was done."""
    return Response(status_code=400)
