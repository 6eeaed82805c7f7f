"""Answers in IT Glue's forms: documents, lists, errors, and the pages that are not JSON at all.

Error bodies are real ones that users pasted into public issues (itglue/automation#4, #38,
itglue/powershellwrapper#108, #140, b-loyola/itglue-py#11); the 429's is composed.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.responses import HTMLResponse, Response

from service.sandbox.journal import Call
from service.sandbox.query import Query
from service.sandbox.render import long_ids, swapped_ids
from service.sandbox.shapes import JSON

MEDIA_TYPE = "application/vnd.api+json"
_T = TypeVar("_T")

_PAGE_404 = """<!DOCTYPE html>
<html><head><title>The page you were looking for doesn't exist (404)</title></head>
<body><h1>The page you were looking for doesn't exist.</h1></body></html>
"""
_PAGE_502 = """<html>
<head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center></body>
</html>
"""


class Refusal(Exception):
    """A request that is answered by a JSON:API error."""

    def __init__(
        self, status: int, title: str, *, detail: str | None = None, pointer: str | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        error: JSON = {"status": status, "title": title, "source": {"pointer": pointer}}
        self.errors = [error if detail is None else {**error, "detail": detail}]

    def response(self) -> Response:
        """The error as an answer."""
        return plain(self.status, {"errors": self.errors})


def not_found() -> Refusal:
    """A single record that is not there."""
    return Refusal(404, "Not Found", detail="The requested record could not be found", pointer="id")


def unprocessable(detail: str, attribute: str | None = None) -> Refusal:
    """A 422 in the words IT Glue uses for an attribute."""
    pointer = attribute and f"/data/attributes/{attribute.replace('_', '-')}"
    return Refusal(422, "Unprocessable Entity", detail=detail, pointer=pointer)


def plain(status: int, content: JSON) -> Response:
    """A JSON answer under IT Glue's content type."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status_code=status, media_type=MEDIA_TYPE)


def page_not_found() -> Response:
    """What a path that is no route answers."""
    return HTMLResponse(_PAGE_404, status_code=404)


def bad_gateway() -> Response:
    """What stands in front of IT Glue answers when IT Glue does not."""
    return HTMLResponse(_PAGE_502, status_code=502)


def forbidden() -> Response:
    """The gateway's 403, which is no JSON:API error."""
    return plain(403, {"message": "Forbidden"})


def too_many_requests(retry_after: int | None) -> Response:
    """A 429. Its real body is not documented."""
    response = plain(429, {"message": "Too Many Requests"})
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    return response


def document(call: Call, content: JSON, status: int = 200) -> Response:
    """A document, its ids retyped if a fault says so."""
    fault = call.fault("wrong-typed-ids")
    if fault is not None:
        content = swapped_ids(content) if fault.value == "swapped" else long_ids(content)
    return plain(status, content)


def page(
    call: Call,
    query: Query,
    items: Sequence[_T],
    resource: Callable[[_T], JSON],
    included: Callable[[_T], Iterable[JSON]] = lambda _item: (),
) -> Response:
    """One page of a list, with `meta` and `links`."""
    total = -(-len(items) // query.size)
    first = (query.number - 1) * query.size
    shown = items[first : first + query.size]
    if shown and call.fault("partial-page"):
        shown = shown[:-1]
    following = query.number + 1 if query.number < total else None
    preceding = query.number - 1 if query.number > 1 else None
    link = partial(_link, call.base_url + call.path, call.entry.query)
    content: JSON = {
        "data": [resource(item) for item in shown],
        "meta": {
            "current-page": query.number,
            "next-page": following,
            "prev-page": preceding,
            "total-pages": total,
            "total-count": len(items),
            "filters": {},
        },
        "links": {
            "self": link(query.number),
            "first": link(1),
            "prev": link(preceding),
            "next": link(following),
            "last": link(max(total, 1)),
        },
    }
    extra = [each for item in shown for each in included(item)]
    return document(call, {**content, "included": extra} if extra else content)


@lru_cache(maxsize=1024)
def _link(address: str, query: str, number: int | None) -> str | None:
    if number is None:
        return None
    pairs = parse_qsl(query, keep_blank_values=True)
    others = [(name, value) for name, value in pairs if name != "page[number]"]
    return f"{address}?{urlencode([*others, ('page[number]', str(number))])}"
