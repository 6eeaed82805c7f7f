"""`/openapi.json` and `/docs`: what the API takes and answers. The same for everybody."""

from starlette.requests import Request
from starlette.responses import Response

from service.api.answers import answer
from service.api.openapi.document import document
from service.api.openapi.page import page
from service.api.state import state_of


async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return answer(document(state_of(request).settings.public_url))


async def docs(request: Request) -> Response:
    """The same for people."""
    return page(document(state_of(request).settings.public_url))
