"""Every `unglue …` in a page is a command that there is, with options that it has."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from service.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "cli.md"),
    *sorted((ROOT / "adapters").glob("*/README.md")),
    *sorted((ROOT / "deploy").glob("**/*.yaml")),
]
# What is written as a command: in backticks, or a line of a block of commands.
_SPAN = re.compile(r"`((?:unglue|/opt/unglue/bin/unglue) [^`]+)`")
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_END = re.compile(r"\s#|[|;>]|&(?!\w)|\)")


def commands(text: str) -> Iterator[str]:
    yield from _SPAN.findall(text)
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.partition("unglue ")
            if re.fullmatch(r"(?:\S*/)?", words[0].strip()) and words[1]:
                yield words[1] + words[2]


def problem(text: str) -> str | None:
    """What is wrong with a command line."""
    command: click.Command = cli
    context = click.Context(cli, info_name="unglue")
    options = {"--help", "--version"}
    for word in _END.split(text)[0].split()[1:]:
        if word.startswith("--"):
            if word.partition("=")[0].rstrip(",") not in options:
                return f"{command.name} has no {word}"
        elif isinstance(command, click.Group) and not word.startswith(("…", "[")):
            inner = command.get_command(context, word.rstrip(",:."))
            if inner is None:
                # `unglue audit` may also be spoken of alone.
                return f"no command {word}" if command is cli else None
            command = inner
            options = {
                name for option in command.params for name in (*option.opts, *option.secondary_opts)
            }
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_they_are_there(page: Path) -> None:
    found = list(commands(page.read_text(encoding="utf-8")))
    assert [(text, wrong) for text in found if (wrong := problem(text))] == []


def test_they_are_found() -> None:
    assert len(list(commands((ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")))) > 40
    assert problem("unglue forget") == "no command forget"
    assert problem("unglue pause --why x") == "pause has no --why"
