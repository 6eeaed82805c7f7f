"""Messages and pages say things in plain words: what was reworded once does not come back."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Idioms, old words and riddles that readers of a second language stumble over.
ODD = (
    r"\b(anew|for want of|whoever dies|pulled the switch|stands? still|is content|is nobody's|"
    r"people are told nowhere|This is no link|hence|lest|next generation|\(s\))\b"
)
# One word for one thing (docs/glossary.md): what else it was once called. Names that are fixed
# (states, keys, `mode = "preview"`) stand in quotes.
OTHER_WORDS = {
    "it more plainly": ODD,
    "notification": r"\bnotices?\b",
    "dry run": r"""(?<!["`.])\b(previews?|rehearsed)\b(?!["`])""",
    "outbox": r"\bno sender is\b|\bsenders? (of results|along|of its own)\b",
    "waits for a person": r"\b[Hh]eld (because|for a person)",
    "ledger": r"\b(this record (is|with)|keeps its record|holds? the record( of| for|,))",
}
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


@cache
def literals(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    docs -= {
        # What `--help` shows.
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.decorator_list
        and path.parent.name == "commands"
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def shown() -> Iterator[tuple[Path, str]]:
    """Every text that people read, line by line of a page, with where it stands."""
    for package in ("adapters", "workers", "service", "publishing"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield from ((path, text) for text in literals(path) if " " in text)
    pages = [*PAGES, *(ROOT / "service").rglob("*.html"), *(ROOT / "adapters").glob("*/README.md")]
    for path in pages:
        lines = path.read_text(encoding="utf-8").splitlines()
        yield from ((path, line) for line in lines if "`tests/" not in line)


def test_one_thing_has_one_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}: say {word}: {text[:120]}"
        for path, text in shown()
        for word, other in OTHER_WORDS.items()
        # The glossary explains the other names.
        if (path.name != "glossary.md" or other == ODD) and re.search(other, text)
    ]
    assert found == []
