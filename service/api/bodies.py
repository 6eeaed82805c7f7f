"""Reading the body of a request into a model of ours."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from adapters.errors import InvalidRequest
from adapters.models import Strict
from adapters.payload import Malformed, parse_json
from service.api.answers import invalid

_FIELDS: Final = 20
Body = TypeVar("Body", bound=Strict)


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
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        body = (await request.body()).decode()
        pairs = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)


def json_of(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """What a body says. Raises InvalidRequest: it is not JSON."""
    try:
        return parse_json(body)
    except Malformed as error:
        raise InvalidRequest(f"the body is not acceptable JSON: {error}") from None
