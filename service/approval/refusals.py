"""What goes wrong where a person with a browser is: told as a page."""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.errors import UnglueError
from service.approval import pages
from service.approval.pages import Problem

PREFIX: Final = "/approve/"
_KEPT: Final = ("allow", "retry-after")

Handler = Callable[[Request, Exception], Awaitable[Response]]
# The page for a request, from the status and the message of the answer.
Told = Callable[[Request, int, str], HTMLResponse]


def as_page(handler: Handler, concerns: Callable[[Request], bool], told: Told) -> Handler:
    """The handler; for the requests that this concerns its answer is a page."""

    async def answered(request: Request, error: Exception) -> Response:
        answer = await handler(request, error)
        if not concerns(request) or not answer.body:
            return answer
        (said,) = json.loads(bytes(answer.body))["errors"]
        page = told(request, answer.status_code, said["message"])
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        page.headers.update(kept)
        return page

    return answered


def sentence(text: str) -> str:
    """A message of ours as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def refused(error: UnglueError, lead: str = "Nothing was changed.") -> Problem:
    """What is told of an error."""
    return Problem(lead, sentence(error.message), error.http_status)


def readable(handler: Handler) -> Handler:
    """The handler; for who came by an approval link its answer is a page."""
    return as_page(handler, lambda request: request.url.path.startswith(PREFIX), _told)


def _told(_request: Request, status: int, said: str) -> HTMLResponse:
    return pages.message("It did not work", f"{said}. Nothing was changed.", status=status)
