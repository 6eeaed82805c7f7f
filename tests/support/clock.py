"""A clock that the test moves."""

from datetime import UTC, datetime, timedelta


class TestClock:
    """Stands still until told otherwise."""

    __test__ = False

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> datetime:
        """Move on, and return the new time."""
        self.now += timedelta(**by)
        return self.now
