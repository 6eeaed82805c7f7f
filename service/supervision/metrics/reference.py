"""The table of the metrics in `docs/monitoring.md`. Pure: written by `make metrics`, and tested."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from service.supervision.metrics.catalogue import ALWAYS, METRICS

_BEGIN: Final = "<!-- metrics: written by `make metrics` from the code -->"
_END: Final = "<!-- end of metrics -->"


def with_table(page: str) -> str:
    """The page with the table as it is now, between its two marks."""
    table = "\n".join((_BEGIN, *_lines(), _END))
    return re.sub(
        re.escape(_BEGIN) + ".*?" + re.escape(_END), lambda _: table, page, flags=re.DOTALL
    )


def _lines() -> Iterator[str]:
    yield "| metric | kind | labels | means |"
    yield "|---|---|---|---|"
    for name, kind, meaning, labels in ALWAYS:
        yield _row(name, kind, labels, meaning)
    for metric in METRICS:
        yield _row(metric.name, metric.kind, metric.labels, metric.meaning)


def _row(name: str, kind: str, labels: tuple[str, ...], meaning: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"


if __name__ == "__main__":
    path = Path("docs/monitoring.md")
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
