"""The one door to an operator's screen: what others wrote is shown, and never obeyed.

Names in IT Glue, reasons and vendors' texts may hold escape sequences, which could move the cursor
over a plan that somebody is about to approve. Every command writes by way of this module.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from workers.outbox.cleaning import clean

_LONGEST: Final = 1_000_000
# Where nobody looks, a line is as long as it has to be.
_PIPED_WIDTH: Final = 100_000
_LEAST: Final = 8
_GAP: Final = "  "


def harmless(text: str) -> str:
    """The text with its lines, and without anything else that a screen would obey."""
    return "\n".join(clean(line, _LONGEST) for line in text.split("\n"))


def say(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Print text that may quote others."""
    click.echo(harmless(text) + end, err=err, nl=False)


def show_json(value: object, *, indent: int | None = 2) -> None:
    """Print JSON as it is; on a terminal with everything beyond ASCII escaped."""
    shown = json.dumps(value, indent=indent, ensure_ascii=sys.stdout.isatty())
    click.echo(shown)


def show_done(answer: object, words: str, *, as_json: bool) -> None:
    """Print what the service answered as JSON, or what was done in words."""
    if as_json:
        show_json(answer)
    else:
        say(words)


class Screen(Console):
    """Rich's console, for which text of others is text."""

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - rich's own
        """Every text that is printed, alone or in a table, comes through here."""
        return super().render_str(harmless(text), **options)


def screen(*, err: bool = False) -> Screen:
    """Standard output, or standard error. `NO_COLOR` and `COLUMNS` are obeyed."""
    stream = sys.stderr if err else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else 160
    return Screen(stderr=err, highlight=False, emoji=False, width=wide)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing, and what may be done to it where the terminal is narrow.

    What is kept is never cut: ids are copied from it. What is spare is left out first.
    """

    title: str
    narrow: Literal["keep", "cut", "spare"] = "cut"


def show_list(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print one line an entry, in columns."""
    console = screen()
    fixed = sys.stdout.isatty() or "COLUMNS" in os.environ
    texts = [[_cell(each) for each in row] for row in rows]
    head, *lines = laid_out(columns, texts, console.width if fixed else _PIPED_WIDTH)
    console.print(Text(head, style="bold"), soft_wrap=True)
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def show_found(
    found: Any,  # noqa: ANN401 - any JSON value
    entries: Iterable[dict[str, Any]],
    columns: Sequence[Column],
    row: Callable[[dict[str, Any]], Sequence[object]],
    *,
    none: str,
    as_json: bool,
) -> None:
    """Print what was listed: `found` as JSON, or a `row` an entry, or that there is `none`."""
    if as_json:
        show_json(found)
        return
    if rows := [row(each) for each in entries]:
        show_list(columns, rows)
    else:
        say(none)
    if isinstance(found, dict) and found.get("next_until"):
        say(f"more: --until {found['next_until']}", err=True)


def laid_out(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int
) -> tuple[str, ...]:
    """The head and one line a row, no wider than `width` unless what is kept is wider: pure."""
    table = [[column.title for column in columns], *map(list, rows)]
    widths = [max(cell_len(row[place]) for row in table) for place in range(len(columns))]
    shown = list(range(len(columns)))
    spare = [place for place in shown if columns[place].narrow == "spare"]
    while spare and _total(widths, shown) > width:
        shown.remove(spare.pop())
    _shrink(widths, [place for place in shown if columns[place].narrow == "cut"],
            _total(widths, shown) - width)  # fmt: skip
    return tuple(
        _GAP.join(_fitted(row[place], widths[place]) for place in shown).rstrip() for row in table
    )


def _cell(value: object) -> str:
    return clean("" if value is None else str(value), _LONGEST)


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[place] for place in shown) + len(_GAP) * (len(shown) - 1)


def _shrink(widths: list[int], places: Sequence[int], excess: int) -> None:
    """Take the excess from the widest of these places, a character at a time."""
    for _ in range(excess):
        widest = max(places, key=lambda place: widths[place], default=None)
        if widest is None or widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _fitted(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"
