"""The one door to the screen: nothing that others wrote acts there, and lists fit."""

import ast
import re
from io import StringIO
from pathlib import Path

import pytest

from service.terminal.screen import Column, Screen, harmless, laid_out

SERVICE = Path(__file__).parents[2] / "service"
HOSTILE = "Evil\x1b]0;pwned\x07\x1b[31mRED\x9b2J\u202eexe.txt\r\x08\x0c"
ACTS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")

COLUMNS = (Column("id", "keep"), Column("state", "keep"), Column("name"), Column("why"),
           Column("since", "spare"))  # fmt: skip
ROWS = [
    ("del_5f0c1b2a3d4e5f6a7b8c", "awaiting_approval", "301 " + "Long " * 20, "because " * 9, "now"),
    ("del_5f0c1b2a3d4e5f6a7b8d", "deleted", "302 東京株式会社", "", "2026-11-23T12:00:00Z"),
]


def test_text_of_others_does_not_act() -> None:
    assert not ACTS.search(harmless(HOSTILE))
    assert harmless("two\nlines") == "two\nlines"


@pytest.mark.parametrize("markup", [HOSTILE, f"[red]{HOSTILE}[/]"])
def test_nor_does_it_in_a_table_or_a_line(markup: str) -> None:
    out = StringIO()
    Screen(file=out, force_terminal=False, width=200).print(markup)
    assert not ACTS.search(out.getvalue())
    assert "Evil" in out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_list_has_one_line_an_entry_and_fits(width: int) -> None:
    lines = laid_out(COLUMNS, ROWS, width)
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    assert [line.split()[0] for line in lines[1:]] == [row[0] for row in ROWS]
    assert all(row[1] in line for row, line in zip(ROWS, lines[1:], strict=True))


def test_what_is_spare_goes_first_and_what_is_kept_is_never_cut() -> None:
    assert "since" not in laid_out(COLUMNS, ROWS, 80)[0]
    assert "since" in laid_out(COLUMNS, ROWS, 400)[0]
    assert ROWS[0][0] in laid_out(COLUMNS, ROWS, 10)[1]


def test_without_entries_there_is_the_head() -> None:
    assert laid_out(COLUMNS, [], 80) == ("id  state  name  why  since",)


def test_every_command_goes_through_the_door() -> None:
    """Printing by another way is how a name reached the terminal as it was."""
    others = []
    for path in SERVICE.rglob("*.py"):
        if path.name in {"screen.py", "completion.py", "messages_page.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in {"click.echo", "Console", "print", "sys.stdout.write"}:
                    others.append(f"{path.name}:{node.lineno}: {called}")
    assert others == []
