"""`docs/cli.md`: every command with its options, in the words of its own help. Pure.

Written from the commands (`python -m publishing.commands`); a test compares the file.
"""

import inspect
from collections.abc import Iterator

import click

from service.cli import COMMANDS, cli


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    context = click.Context(cli, info_name="unglue")
    for name in sorted(COMMANDS):
        command = cli.get_command(context, name)
        assert command is not None  # noqa: S101 - it is in the table
        yield from _described(command, click.Context(command, info_name=name, parent=context), "##")


def _described(command: click.Command, context: click.Context, level: str) -> Iterator[str]:
    yield f"\n{level} `{context.command_path}`\n"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n"
    # A form feed ends what is told to people; \b keeps lines as they are, as a block does here.
    text = inspect.cleandoc((command.help or "").partition("\f")[0])
    yield text.replace("\b\n", "")
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        yield "\n| option | means |"
        yield "|---|---|"
        for option in options:
            shown = option.get_help_record(context)
            if shown is not None:
                spelt, means = (" ".join(part.split()).replace("|", r"\|") for part in shown)
                yield f"| `{spelt}` | {means} |"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                below = click.Context(inner, info_name=name, parent=context)
                yield from _described(inner, below, level + "#")


_HEAD = """\
# Commands

<!-- Written by `make reference` from the code. Do not edit. -->

What acts on deletions goes through the API, so that roles and the audit log always apply.

| variable | means |
|---|---|
| `UNGLUE_URL` | where the service is, by default `http://127.0.0.1:8000` |
| `UNGLUE_TOKEN` | an operator's token (`unglue operators add`) |
| `UNGLUE_CONFIG` | the file of the [configuration](configuration.md), by default `unglue.toml` |
| `NO_COLOR` | if set, nothing is coloured |

Data goes to standard output, progress to standard error; `--json` prints JSON. Exit status: 0
success, 1 it did not succeed, 2 usage or configuration, 130 interrupted. `unglue completion` makes
shells complete commands and options."""


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is the file
