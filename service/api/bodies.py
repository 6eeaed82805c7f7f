"""Reading the body of a request, a form or its address into what we take."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from adapters.errors import InvalidRequest
from adapters.models import Strict
from adapters.payload import Malformed, parse_json
from service.api.answers import invalid, invalid_fields

_FIELDS: Final = 20
LONGEST_REASON: Final = 2000


class Reason(Strict):
    """Why; kept in the audit log, and told to whoever is concerned."""

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


Body = TypeVar("Body", bound=Strict)
Query = TypeVar("Query", bound=BaseModel)


async def read_body(
    request: Request,
    kind: type[Body],
    *,
    optional: bool = False,
    wrong: Callable[[ValidationError], InvalidRequest] = invalid,
) -> Body:
    """The body as this model; one that is `optional` may be left out.

    Raises:
        InvalidRequest: it is not JSON, or not of this form, and then what `wrong` makes of it.
    """
    body = await request.body()
    try:
        return kind.model_validate(json_of(body) if body or not optional else {})
    except ValidationError as error:
        raise wrong(error) from None


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form; empty if the body is none."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS
        )
    except ValueError:
        return {}
    return dict(pairs)


def query_of(request: Request, kind: type[Query]) -> Query:
    """What the address asks for, as this model. Raises InvalidRequest."""
    try:
        return kind.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise invalid_fields(error) from None


def json_of(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """What a body says. Raises InvalidRequest: it is not JSON."""
    try:
        return parse_json(body)
    except Malformed as error:
        raise InvalidRequest(f"the body is not acceptable JSON: {error}") from None
