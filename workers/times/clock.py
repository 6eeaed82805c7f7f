"""Time as everybody here gets it: handed in, in UTC, to the millisecond."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The machine's clock. Several machines run NTP; leases are by the clock of Redis."""
    return datetime.now(UTC)


def to_ms(when: datetime) -> int:
    """Milliseconds since the epoch, the ledger's unit."""
    return round(when.timestamp() * 1000)


def from_ms(milliseconds: float | str) -> datetime:
    """The moment of a number of milliseconds since the epoch."""
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)


def ms_or_none(milliseconds: float | str | None) -> datetime | None:
    """The same of what may be missing, empty or 0."""
    return from_ms(milliseconds) if milliseconds and milliseconds != "0" else None


def rfc3339(when: datetime) -> str:
    """`2026-01-22T10:30:00Z`: UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise(when: datetime | None) -> str | None:
    """`2026-01-22T10:30:00.123Z`: UTC, to the millisecond, as records are kept."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str | None) -> datetime | None:
    """The moment of an RFC 3339 text, or `None` if it is none or has no zone."""
    try:
        parsed = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None
