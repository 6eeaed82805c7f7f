"""Reading the body of a request into a model of ours."""

from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from adapters.errors import InvalidRequest
from adapters.models import Strict
from adapters.payload import Malformed, parse_json
from service.answers import invalid

Body = TypeVar("Body", bound=Strict)


async def read_body(request: Request, kind: type[Body], *, optional: bool = False) -> Body:
    """The body as this model; one that is `optional` may be left out.

    Raises:
        InvalidRequest: it is not JSON, or not of this form.
    """
    content = await request.body()
    try:
        return kind.model_validate(parse_json(content) if content or not optional else {})
    except Malformed as error:
        raise InvalidRequest(f"the body is not acceptable JSON: {error}") from None
    except ValidationError as error:
        raise invalid(error) from None
