"""Time as everybody here gets it: handed in, in UTC, to the millisecond."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The machine's clock. Several machines are expected to run NTP (leases compare clocks)."""
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, the ledger's unit."""
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: float | str) -> datetime:
    """The moment of a number of milliseconds since the epoch."""
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-01-22T10:30:00Z`: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
