"""What the fault tests injected and what it did, as a table at the end of the run.

A row travels with its test's report, so it also comes back from the processes of pytest-xdist.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest

PROPERTY = "fault"
_TITLES = ("window", "fault injected", "times", "lost", "doubled", "recovered in")


@dataclass(frozen=True)
class Row:
    """One fault. `times` is how many deletions it struck, `seconds` the slowest one's recovery."""

    window: str
    fault: str
    times: int
    lost: int
    doubled: int
    seconds: float | None = None

    def cells(self) -> tuple[str, ...]:
        recovered = "" if self.seconds is None else f"{self.seconds:.1f} s"
        figures = (str(self.times), str(self.lost), str(self.doubled))
        return (self.window, self.fault, *figures, recovered)

    def add_to(self, item: pytest.Item) -> None:
        """Hand the row to the test's report."""
        item.user_properties.append((PROPERTY, asdict(self)))


def rows(reporter: pytest.TerminalReporter) -> Iterator[Row]:
    """The rows of every test that ran."""
    for outcome in ("passed", "failed"):
        for report in reporter.getreports(outcome):
            found: Any = report.user_properties if report.when == "call" else ()
            yield from (Row(**row) for name, row in found if name == PROPERTY)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if there is one."""
    table = [row.cells() for row in sorted(rows(terminalreporter), key=lambda row: row.window)]
    if not table:
        return
    widths = [max(map(len, column)) for column in zip(_TITLES, *table, strict=True)]
    terminalreporter.section("faults")
    for cells in (_TITLES, *table):
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        terminalreporter.line("  ".join(padded).rstrip())
