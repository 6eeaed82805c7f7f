"""`/metrics`: what Prometheus reads."""

import asyncio
from typing import Final

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from adapters.origin import is_loopback
from service.api.answers import PRIVATE
from service.api.state import ServiceState, caller_of, state_of
from service.supervision.metrics.scrape import scraped
from workers.ledger.installation.measures import Measures

_SECONDS: Final = 3.0
# Behind a proxy of the same machine everybody comes from the loopback.
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


async def show(request: Request) -> Response:
    """The metrics; any operator may read them, and who else is for `metrics.access` to say."""
    state = state_of(request)
    if not _open(request, state):
        caller_of(request)
    measures = await _measures(state)
    body, content_type = scraped(state.settings, measures, request.headers.get("accept", ""))
    # As it is: Starlette would add a second charset.
    return Response(body, headers={**PRIVATE, "Content-Type": content_type})


def _open(request: Request, state: ServiceState) -> bool:
    match state.settings.metrics.access:
        case "everybody":
            return True
        case "loopback":
            host = request.client.host if request.client else ""
            direct = not any(name in request.headers for name in _FORWARDED)
            return direct and is_loopback(host)
        case _:
            return False


async def _measures(state: ServiceState) -> Measures | None:
    """What the ledger holds; `None` if Redis does not answer, which is a measure too."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await state.ledger.measuring.now(state.clock(), state.settings.sources)
    except (RedisError, OSError):
        return None
