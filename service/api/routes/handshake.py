"""`OPTIONS /webhooks/{source}`: a sender of CloudEvents asks whether it may send.

Source: cloudevents/spec @c2845a49 `http-webhook.md`, "Abuse protection".
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters.cloudevents.config import CloudEventsConfig
from adapters.errors import Forbidden
from service.api.state import state_of


async def allow(request: Request) -> Response:
    """Consent, to the configured origins alone. It proves nothing: each event is verified.

    Raises:
        NotFound: no source has this name.
        HTTPException: 405; its sender does not ask so, or this is no such question.
        Forbidden: the origin is not one of the source's `allowed_origins`.
    """
    name = request.path_params["source"]
    config, _ = state_of(request).intake.source(name)
    origins = request.headers.getlist("webhook-request-origin")
    if not isinstance(config, CloudEventsConfig) or len(origins) != 1:
        raise HTTPException(405, headers={"Allow": "POST"})
    if origins[0] not in config.allowed_origins:
        raise Forbidden(
            f"the origin is not one of sources.{name}.allowed_origins; add it there if it may send"
        )
    # Nothing limits what is genuine.
    said = {"WebHook-Allowed-Origin": origins[0], "WebHook-Allowed-Rate": "*", "Allow": "POST"}
    return Response(status_code=200, headers=said)
