"""One is not two: whatever is counted for people is counted by one function."""

import re
from pathlib import Path

import pytest

from adapters.counting import counted
from workers.pipeline.gates.dependencies import held

ROOT = Path(__file__).parents[2]
NOUNS = (
    "callouts|candidates|checklists|clients|configurations|days|decisions|deletions|deliveries|"
    "entries|organizations|replicas|results"
)
# A number and its noun, put together without being asked whether it is one.
BY_HAND = re.compile(rf"\{{[^{{}}\"]*\}}\}}? (?:more |other )?(?:{NOUNS})\b")


@pytest.mark.parametrize(
    ("number", "many", "one", "shown"),
    [
        (1, "checklists", "", "1 checklist"),
        (0, "checklists", "", "0 checklists"),
        (2, "deliveries", "", "2 deliveries"),
        (1, "deliveries", "", "1 delivery"),
        (1, "deletions wait", "deletion waits", "1 deletion waits"),
        (21, "days", "", "21 days"),
    ],
)
def test_one_is_not_two(number: int, many: str, one: str, shown: str) -> None:
    assert counted(number, many, one) == shown


@pytest.mark.parametrize(
    ("kind", "count", "shown"),
    [
        ("checklists", 1, "1 checklist"),
        ("assets", 1, "1 flexible asset"),
        ("document_folders", 1, "1 document folder"),
        ("configs", 3, "3 configurations"),
        ("passwords", None, "? passwords"),
    ],
)
def test_what_an_organization_holds(kind: str, count: int | None, shown: str) -> None:
    assert held(kind, count) == shown


def test_nothing_is_counted_by_hand() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for package in ("adapters", "workers", "service")
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in {".py", ".html"}
        for match in BY_HAND.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
