"""Messages and pages say things in plain words: what was reworded once does not come back."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Idioms, old words and riddles that readers of a second language stumble over.
ODD = re.compile(
    r"\b(anew|for want of|whoever dies|pulled the switch|stands? still|is content|is nobody's|"
    r"people are told nowhere|This is no link|hence|lest|next generation|\(s\))\b"
)
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
# What a program compares is no message.
ALLOWED = {"anew", "same"}


def literals(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docs
        and node.value not in ALLOWED
    ]


@pytest.mark.parametrize("package", ["adapters", "workers", "service", "publishing"])
def test_no_message_is_odd(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text[:80]}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for text in literals(path)
        if ODD.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_is_odd(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if ODD.search(line) and "`tests/" not in line] == []
