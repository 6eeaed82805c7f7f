"""What goes wrong at `/approve/…` is told as a page: a person with a browser is there."""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service.approval import pages

PREFIX: Final = "/approve/"
_KEPT: Final = ("allow", "retry-after")

Handler = Callable[[Request, Exception], Awaitable[Response]]


def readable(handler: Handler) -> Handler:
    """The handler; for who came by an approval link its answer is a page."""

    async def answered(request: Request, error: Exception) -> Response:
        answer = await handler(request, error)
        if not request.url.path.startswith(PREFIX) or not answer.body:
            return answer
        (said,) = json.loads(bytes(answer.body))["errors"]
        text = f"{said['message']}. Nothing was changed."
        page = pages.message("It did not work", text, status=answer.status_code)
        page.headers.update(
            {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        )
        return page

    return answered
