"""Single values of a vendor's payload, tamed.

A payload is of any shape until it is checked, and its text may hold anything: what leaves an
adapter is bounded, printable and valid Unicode, or it is `Unreadable`.
"""

import hashlib
import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.models import OrgName

_MAX_ID = 2**63 - 1
_ID = re.compile(r"[1-9][0-9]{0,18}")
_EVENT_ID = re.compile(r"[!-~]{1,200}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ORG_NAME = TypeAdapter[str](OrgName)
# Control, format (bidirectional overrides), private, surrogate, unassigned; line separators.
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


class Unreadable(ValueError):
    """The payload does not say what the adapter needs; `reason` is a code, `detail` a quote."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def positive_id(value: Any, field: str) -> str:  # noqa: ANN401 - a vendor's value
    """A record's number, sent as a number or as its digits, in the one form we compare.

    Raises:
        Unreadable: `<field>_missing` or `<field>_malformed`.
    """
    if value is None:
        raise Unreadable(f"{field}_missing")
    digits = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(digits, str) or not _ID.fullmatch(digits) or int(digits) > _MAX_ID:
        raise Unreadable(f"{field}_malformed", quoted(value))
    return digits


def org_name(value: Any) -> str | None:  # noqa: ANN401 - a vendor's value
    """A client's name exactly as sent, or `None` where none was.

    Raises:
        Unreadable: `name_malformed`; a name that cannot be compared must not be left out.
    """
    if value is None or value == "":
        return None
    try:
        return _ORG_NAME.validate_python(value, strict=True)
    except ValidationError:
        raise Unreadable("name_malformed", quoted(value)) from None


def instant(value: Any) -> datetime | None:  # noqa: ANN401 - a vendor's value
    """The moment of an RFC 3339 text in UTC, or `None` where it is none.

    A time without a zone is none: guessing one would reorder events.
    """
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def epoch_instant(value: Any) -> datetime | None:  # noqa: ANN401 - a vendor's value
    """The moment of a number of seconds since the epoch, or `None` where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def printable(value: Any, limit: int) -> str | None:  # noqa: ANN401 - a vendor's value
    """A vendor's text or number as one short line, or `None` if it is neither or empty."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
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
    return unicodedata.normalize("NFC", text).strip().casefold()


def content_id(content: bytes) -> str:
    """The event id of an event whose vendor gives it none: the same content, the same id."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def arrival_id(content: bytes, now: datetime) -> str:
    """The event id of a reactivation whose vendor gives it none.

    "Active" may be said twice in the same words, and the second time must count as well: it may
    stand between an inactive event and its deletion.
    """
    return f"{content_id(content)}@{now.isoformat()}"


def event_id(value: Any) -> str | None:  # noqa: ANN401 - a vendor's value
    """The vendor's own id of the event, or `None` if it gives no usable one."""
    usable = isinstance(value, str) and _EVENT_ID.fullmatch(value)
    return value if usable else None
