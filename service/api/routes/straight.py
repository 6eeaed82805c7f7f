"""Deliveries go straight to their route: what serves an API's many routes costs as much as they do.

Nothing else differs: the same bounds, the same answers, the same errors. Where somebody traces they
take the way of all others, which is traced.
"""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.errors import UnglueError
from service.access.peers import peer_of
from service.api.answers import on_internal_error, on_unglue_error
from service.api.routes.webhooks import taken
from workers.traces import tracing

_PREFIX: Final = "/webhooks/"


class Straight:
    """Takes `POST /webhooks/{source}`, and passes on everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a delivery, or pass the request on."""
        name = _source(scope)
        if not name or tracing.on():
            await self._app(scope, receive, send)
            return
        try:
            state = scope["state"]["service"]
            state.intake.source(name)
            body = await _body(receive)
            if body is None:
                return
            peer = peer_of(scope["client"][0] if scope["client"] else None)
            response = await taken(state, name, scope["headers"], body, peer)
        except UnglueError as error:
            response = await on_unglue_error(Request(scope), error)
        except Exception as error:
            # The server around it logs what is raised, and who waits must not hear of nothing.
            response = await on_internal_error(Request(scope), error)
            await response(scope, receive, send)
            raise
        await response(scope, receive, send)


def _source(scope: Scope) -> str:
    """The source to which a request is a delivery, "" if it is none."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope.get("root_path"):
        return ""
    path: str = scope["path"]
    name = path[len(_PREFIX) :] if path.startswith(_PREFIX) else ""
    return "" if "/" in name else name


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or `None` if the sender left before its end. `BodyLimit` bounds it."""
    parts = list[bytes]()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)
