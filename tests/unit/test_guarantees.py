"""Every promise of docs/guarantees.md, and every control of docs/security.md, names its tests."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def named(page: str) -> list[tuple[str, str]]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)))


NAMED = named("guarantees.md")
WINDOWS = {f"{number:02}" for number in range(1, 19)}


def test_the_page_names_tests() -> None:
    assert len(NAMED) > len(WINDOWS)


@pytest.mark.parametrize(("path", "name"), sorted({*NAMED, *named("security.md")}))
def test_a_named_test_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_window_has_a_test_of_its_name() -> None:
    shown = {
        name[len("test_window_") :][:2] for _, name in NAMED if name.startswith("test_window_")
    }
    assert shown == WINDOWS
