"""Every promise of docs/guarantees.md names the tests that show it, and they exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
WINDOWS = {f"{number:02}" for number in range(1, 19)}


def test_the_page_names_tests() -> None:
    assert len(NAMED) > len(WINDOWS)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in tree.body if isinstance(node, functions)}


def test_every_window_has_a_test_of_its_name() -> None:
    shown = {
        name[len("test_window_") :][:2] for _, name in NAMED if name.startswith("test_window_")
    }
    assert shown == WINDOWS
