"""Each kind of notice is written by somebody, shown by a test, and known to the settings."""

import re
from pathlib import Path
from typing import get_args

import pytest

from workers.outbox.kinds import Kind

ROOT = Path(__file__).parents[2]
KINDS: tuple[str, ...] = get_args(Kind)
TESTS = [
    path.read_text(encoding="utf-8")
    for folder in ("contract", "integration")
    for path in (ROOT / "tests" / folder).glob("test_*.py")
]
PRODUCT = [
    path.read_text(encoding="utf-8")
    for folder in ("workers", "service")
    for path in (ROOT / folder).rglob("*.*")
    if path.suffix in {".py", ".lua"} and path.name != "kinds.py"
]


def named(kind: str, texts: list[str]) -> bool:
    return any(re.search(f"['\"]{kind}['\"]", text) for text in texts)


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_writes_it_and_a_test_shows_that(kind: str) -> None:
    assert named(kind, PRODUCT)
    assert named(kind, [text for text in TESTS if "notice" in text])


def test_nobody_writes_one_that_cannot_be_chosen() -> None:
    form = r"notice\(now, '(\w+)'|notices\.write\(\s*\"(\w+)\""
    found = [pair for text in PRODUCT for pair in re.findall(form, text)]
    written = {kind for pair in found for kind in pair if kind}
    assert written > {"resumed", "recreated", "source_silent"}
    assert written <= {*KINDS, "test"}
