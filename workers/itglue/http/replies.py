"""An HTTP answer of IT Glue, and what it means. Pure.

Seen bodies: JSON:API, JSON:API `errors` (with `detail` and `source` optional and a numeric or
textual `status`), `{"message": "Forbidden"}` of the gateway, HTML pages, nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from workers.itglue.http.explanations import key_refused
from workers.itglue.http.failures import (
    AnswerTimedOut,
    CallFailed,
    KeyRefused,
    RequestRefused,
    ResourceMissing,
)

Payload = Mapping[str, object]

_SAID_AT_MOST = 300
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_LATER = frozenset({408, 425, 429})
_ORGANIZATIONS = re.compile(r"/organizations(/[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and `Retry-After` in seconds. `hide`: secrets that an error may echo."""

    status: int
    body: bytes = b""
    retry_after: float | None = None
    hide: tuple[str, ...] = field(default=(), repr=False)

    @property
    def payload(self) -> Payload | None:
        """The body as a JSON object, if it is one."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def is_page(self) -> bool:
        """Whether the body is something else than JSON, like an HTML page."""
        return bool(self.body.strip()) and self.payload is None

    @property
    def said(self) -> str:
        """IT Glue's own words about a failure: one short line, or nothing."""
        text = "; ".join(_words(self.payload)) or _title(self.body)
        for secret in self.hide:
            text = text.replace(secret, "[hidden]")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _SAID_AT_MOST else line[: _SAID_AT_MOST - 1] + "…"


def _words(payload: Payload | None) -> Iterator[str]:
    if payload is None:
        return
    errors = payload.get("errors")
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            texts = [text for key in ("title", "detail") if isinstance(text := error.get(key), str)]
            yield ": ".join(texts)
    for key in ("message", "error"):
        if isinstance(text := payload.get(key), str):
            yield text


def _title(body: bytes) -> str:
    match = _TITLE.search(body[:10_000].decode(errors="replace"))
    return match[1] if match else ""


def key_accepted(method: str, path: str, reply: Reply) -> bool | None:
    """Whether an answer says that IT Glue accepts the key, or `None` if it says neither.

    A key may lack the right to one resource, which some answer with 401. Organizations are what
    every key can read, so only a refusal to read them is one of the key.
    """
    if 200 <= reply.status < 300 and reply.payload is not None:
        return True
    refused = reply.status in {401, 403} and method == "GET"
    return False if refused and _ORGANIZATIONS.fullmatch(path) else None


def told(reply: Reply) -> str:
    """Status and words, for a message."""
    return f"{reply.status}: {reply.said}" if reply.said else str(reply.status)


def checked(reply: Reply, what: str) -> Payload:
    """The payload of a successful answer. `what` names the call in messages.

    Raises:
        KeyRefused: 401, 403.
        CallFailed: everything else that is not a JSON:API document; its subclasses say what.
    """
    status = reply.status
    if 200 <= status < 300:
        payload = reply.payload
        if payload is None or "data" not in payload:
            raise CallFailed(f"IT Glue's answer for {what} is not JSON:API", status=status)
        if payload.get("errors"):
            # Of what a part failed for nobody knows how much is there: nothing may be none.
            raise CallFailed(
                f"IT Glue answered {status} for {what}, and that it failed: {reply.said}",
                status=status,
            )
        return payload
    if status in {401, 403}:
        raise KeyRefused(key_refused(what, status, reply.said), status=status)
    message = f"IT Glue answered {told(reply)} for {what}"
    if status == 404:
        hint = "; check itglue.base_url" if reply.is_page else ""
        raise ResourceMissing(message + hint, page=reply.is_page)
    if 400 <= status < 500 and status not in _LATER:
        raise RequestRefused(message, status=status, page=reply.is_page)
    # Its words are known, its status is not:
    # https://github.com/wetling23/Public.ItGlue.PowerShellModule, Get-ItGlueOrganization.
    timed_out = status in {408, 504} or (status >= 500 and "timed out" in reply.said)
    failure = AnswerTimedOut if timed_out else CallFailed
    raise failure(message, status=status, retry_after=reply.retry_after)
