"""Single values of a vendor's payload, tamed.

A payload is of any shape until it is checked, and its text may hold anything: what leaves an
adapter is bounded, printable and valid Unicode, or it is `Unreadable`.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.models import OrgName, Verdict
from adapters.payload import Malformed, digest_of, parse_json, parse_once

_MAX_ID = 2**63 - 1
_ID = re.compile(r"[1-9][0-9]{0,18}")
_EVENT_ID = re.compile(r"[!-~]{1,200}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_WORDS = dict.fromkeys(("true", "1", "yes", "y", "t", "on"), True) | dict.fromkeys(
    ("false", "0", "no", "n", "f", "off"), False
)
_ORG_NAME = TypeAdapter[str](OrgName)
# Control, format (bidirectional overrides), private, surrogate, unassigned; line separators.
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


class Unreadable(ValueError):
    """The payload does not say what the adapter needs; `reason` is a code, `detail` a quote.

    `holds` is false where it is plainly about something else than a client of this source.
    """

    def __init__(self, reason: str, detail: str = "", *, holds: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.holds = holds


def json_value(raw: bytes | str, prefix: str = "") -> Any:  # noqa: ANN401 - JSON is any value
    """The JSON of a body, or of a text inside one. Whoever gets it must not change it.

    Raises Unreadable: `parse_json`'s code, after the prefix.
    """
    try:
        return parse_once(raw) if isinstance(raw, bytes) else parse_json(raw)
    except Malformed as error:
        raise Unreadable(f"{prefix}{error}") from None


def json_object(raw: bytes | str, prefix: str = "") -> dict[str, Any]:
    """The JSON object of a body, or of a text inside one.

    Raises Unreadable: `parse_json`'s code, or `not_object`, after the prefix.
    """
    return as_object(json_value(raw, prefix), f"{prefix}not_object")


def as_object(value: Any, reason: str) -> dict[str, Any]:  # noqa: ANN401 - a vendor's value
    """The value, if it is an object. Raises Unreadable: with the reason."""
    if not isinstance(value, dict):
        raise Unreadable(reason, quoted(value))
    return value


def positive_id(value: Any, field: str) -> str:  # noqa: ANN401 - a vendor's value
    """A record's number, sent as a number or as its digits, in the one form we compare.

    Raises Unreadable: `<field>_missing` or `<field>_malformed`.
    """
    if type(value) is int and 0 < value <= _MAX_ID:
        return str(value)
    if value is None:
        raise Unreadable(f"{field}_missing")
    digits = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(digits, str) or not _ID.fullmatch(digits) or int(digits) > _MAX_ID:
        raise Unreadable(f"{field}_malformed", quoted(value))
    return digits


def boolean(value: Any, field: str) -> bool:  # noqa: ANN401 - a vendor's value
    """Yes or no, as true, "True", 1, "1", "yes", "Y", "on" and their opposites.

    Raises Unreadable: `<field>_missing` or `<field>_malformed`; no other value is a guess.
    """
    if value is None or value == "":
        raise Unreadable(f"{field}_missing")
    if isinstance(value, bool | int | str):
        meant = _WORDS.get(folded(str(value)))
        if meant is not None:
            return meant
    raise Unreadable(f"{field}_malformed", quoted(value))


def org_name(value: Any) -> str | None:  # noqa: ANN401 - a vendor's value
    """A client's name exactly as sent, or `None` where none was.

    Raises Unreadable: `name_malformed`; a name that cannot be compared must not be left out.
    """
    if value is None or value == "":
        return None
    try:
        return _ORG_NAME.validate_python(value, strict=True)
    except ValidationError:
        raise Unreadable("name_malformed", quoted(value)) from None


def readable_name(value: Any) -> str | None:  # noqa: ANN401 - a vendor's value
    """A client's name, or `None` where none can be read.

    For events that only keep deletions from happening: they count under whatever is readable, be it
    a number, or with characters that no name has.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        value = "".join(" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in value)
    try:
        return org_name(value)
    except Unreadable:
        return None


def instant(value: Any) -> datetime | None:  # noqa: ANN401 - a vendor's value
    """The moment of an RFC 3339 text in UTC, or `None` where it is none.

    A time without a zone is none: guessing one would reorder events.
    """
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return None
    try:
        return _of_an_event(datetime.fromisoformat(value.upper()).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _of_an_event(moment: datetime) -> datetime | None:
    """The moment, or `None` for the beginning of a calendar, which senders write for "no time".

    Taken for a time it would be older than everything, and so of no effect.
    """
    return moment if moment >= _OLDEST else None


def signed_time(value: Any, *read: Callable[[Any], datetime | None]) -> datetime | None:  # noqa: ANN401 - a vendor's value
    """The moment at which the sender says that it happened, or `None` where it says none.

    `read` are the forms that the vendor uses, RFC 3339 if none is given. Raises Unreadable:
    `time_malformed`; what is there and cannot be read must not count as "none".
    """
    if value is None:
        return None
    for form in read or (instant,):
        moment = form(value)
        if moment is not None:
            return moment
    raise Unreadable("time_malformed", quoted(value))


def epoch_instant(value: Any) -> datetime | None:  # noqa: ANN401 - a vendor's value
    """The moment of a number of seconds since the epoch, or `None` where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    try:
        return _of_an_event(datetime.fromtimestamp(value, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def printable(value: Any, limit: int) -> str | None:  # noqa: ANN401 - a vendor's value
    """A vendor's text or number as one short line, or `None` if it is neither or empty."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isprintable():
        return value[:limit].strip() or None
    shown = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in _HIDDEN else char
        for char in value[:limit]
    ).strip()
    return shown or None


def quoted(value: Any) -> str:  # noqa: ANN401 - a vendor's value
    """What the vendor sent, short enough for a person to recognize it."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return printable(value if isinstance(value, str) else repr(value), 80) or "an empty text"


def folded(text: str) -> str:
    """The text as people compare it: composed, trimmed, whatever its case."""
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFC", text).strip().casefold()


def stamped(verdicts: Iterable[Verdict], content: bytes) -> tuple[Verdict, ...]:
    """The verdicts, each with the digest of what makes it the same event when it comes again."""
    digest, stamped = digest_of(content), tuple(verdicts)
    for verdict in stamped:
        if not verdict.content:
            # Nobody has seen it yet, and to make it anew would take as long as to make it.
            object.__setattr__(verdict, "content", digest)
    return stamped


@dataclass(frozen=True, slots=True)
class Identity:
    """By which id an event is recognized when it comes again.

    Without an id of the vendor's, the same content is the same event; but a reactivation, which
    may be said twice in the same words with a deletion asked for in between, counts every time.
    """

    event: str
    reactivation: str

    @classmethod
    def of(cls, sent: Any, content: bytes, now: datetime, position: int = 0) -> "Identity":  # noqa: ANN401 - a vendor's value
        """The vendor's own id, if it is usable, or one made of the content.

        `position` is that of the event in its delivery.
        """
        if isinstance(sent, str) and _EVENT_ID.fullmatch(sent):
            return cls(sent, sent)
        content_id = "sha256:" + digest_of(content)
        return cls(content_id, f"{content_id}@{now.isoformat()}.{position}")
