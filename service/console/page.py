"""How the console writes a page: everything shown is cleaned, and only our own script is run."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from adapters.counting import counted
from adapters.errors import InvalidRequest
from service.api.answers import RETRY_AFTER, page_headers
from service.approval.pages import Problem
from service.approval.refusals import Handler, as_page, sentence
from service.console.door.session import Session, caller
from service.console.words import TONES, state_words, when
from workers.outbox.cleaning import clean
from workers.settings import Settings
from workers.times.clock import moment

NAV: Final = (
    ("/", "Overview"), ("/deletions", "Deletions"), ("/deliveries", "Deliveries"),
    ("/results", "Results out"), ("/replays", "Replays"), ("/sources", "Sources"),
    ("/schedules", "Schedules"), ("/protected", "Protected"), ("/audit", "Audit"),
    ("/month", "Month"),
)  # fmt: skip
# Everything under these addresses is answered by a page, also what goes wrong.
_PLACES: Final = frozenset(
    {"", "holds", "links", "log-in", "log-out", "pause", *(path[1:] for path, _ in NAV)}
)
_UNDER: Final = {"holds": "/deliveries", "links": "/sources"}
_LONGEST: Final = 2000
_NOTHING: Final[Mapping[str, str]] = {}


def _finalized(value: object) -> object:
    """What a template shows: text of others on one line, without what a screen would obey."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else clean(str(value), _LONGEST)


def _lines(text: str) -> Markup:
    """Text of others that has lines, each of them cleaned."""
    shown = [escape(clean(line, 10_000)) for line in text.replace("\t", "    ").split("\n")]
    return Markup("\n").join(shown)


_TEMPLATES: Final = Environment(
    loader=PackageLoader("service.console"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalized,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(counted=counted, lines=_lines, when=when, state=state_words)
_TEMPLATES.globals.update(tones=TONES)
_STYLE: Final = Markup(_TEMPLATES.get_template("style.css").render())  # noqa: S704 - our own
_SCRIPT: Final = Markup(_TEMPLATES.get_template("live.js").render())  # noqa: S704 - our own
_HEADERS: Final = page_headers(_STYLE, _SCRIPT, referrer="same-origin")


def page(
    request: Request, template: str, title: str, *, status: int = 200,
    problem: Problem | None = None, said: Mapping[str, str] = _NOTHING,
    settings: Settings | None = None, session: Session | None = None, **shown: Any,  # noqa: ANN401 - what a template shows
) -> HTMLResponse:  # fmt: skip
    """A page; with a session it has the menu, and its forms prove where they come from.

    `problem` is told above it, or that of `said` which `?said=` names: what a form brought about.
    """
    place = request.url.path.split("/")[1]
    content = _TEMPLATES.get_template(template).render(
        title=title,
        style=_STYLE,
        script=_SCRIPT,
        nav=NAV,
        here=_UNDER.get(place, f"/{place}"),
        operator=session.operator if session else None,
        roles=caller(settings, session).roles if settings and session else (),
        csrf=session.form(settings) if settings and session else "",
        # A form that is sent twice from one page acts once; another page gives out another.
        once=secrets.token_urlsafe(12),
        problem=problem,
        said=said.get(request.query_params.get("said", "")),
        **{"live": False, **shown},
    )
    status = problem.status if problem else status
    again = {"Retry-After": RETRY_AFTER} if status == 503 else {}
    return HTMLResponse(content, status, {**_HEADERS, **again})


def address(path: str, asked: Mapping[str, str | None]) -> str:
    """The address of a list that was asked for so; what is empty is left out."""
    return f"{path}?" + urlencode({name: each for name, each in asked.items() if each})


def before(asked: Mapping[str, str]) -> datetime | None:
    """The time before which a list is asked for.

    Raises:
        InvalidRequest: it is none.
    """
    until = asked.get("until")
    found = moment(until) if until else None
    if until and found is None:
        raise InvalidRequest("until must be a time, like 2026-11-28T10:00:00Z")
    return found


def message(request: Request, title: str, text: str, *, status: int = 200) -> HTMLResponse:
    """A page that says one thing."""
    return page(request, "message.html", title, status=status, text=text)


def redis_away(request: Request) -> HTMLResponse:
    """What is shown instead of a page for which Redis would be needed."""
    return _told(request, 503, "Redis does not answer")


def readable(handler: Handler) -> Handler:
    """The handler; for who looks at the console its answer is a page that says what to do."""
    return as_page(handler, _of_console, _told)


def _told(request: Request, status: int, said: str) -> HTMLResponse:
    title, text = _explained(request, status, said)
    return message(request, title, text, status=status)


def _of_console(request: Request) -> bool:
    """Whether a page is asked for or a form sent; a vendor that posts to `/` is no person."""
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    asked = request.method in {"GET", "HEAD"} or form
    return asked and request.url.path.split("/")[1] in _PLACES


def _explained(request: Request, status: int, said: str) -> tuple[str, str]:
    looked = request.method in {"GET", "HEAD"}
    match status:
        case 404:
            return (
                "There is nothing here",
                f"{sentence(said)} What is older than retention_days is removed.",
            )
        case 503 if looked:
            text = (
                f"{sentence(said.partition(',')[0])} Nothing can be shown until it is back. "
                "Start Redis, or see what is wrong with: unglue doctor. Deliveries that come "
                "meanwhile are kept on disk if there is a spool, and else sent again by the vendor."
            )
            return "Redis is away", text
        case 503:
            return "Redis is away", f"{sentence(said)} Look at the page before you send it again."
        case _ if looked:
            return "It did not work", sentence(said)
        case _:
            return "It did not work", f"{sentence(said)} Nothing was changed."
