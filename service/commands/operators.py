"""`unglue operators`: who may call, and a token for one more."""

import json
import os
import re
from typing import Any

import click

from adapters.errors import InvalidRequest
from service.access.operators import new_token, token_hash
from service.terminal.client import ask
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, say, show_found, show_json
from workers.settings.reading import from_file

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@click.group(invoke_without_command=True)
@AS_JSON
@click.pass_context
def operators(context: click.Context, *, as_json: bool) -> None:
    """List the operators, their roles and when they were last seen (role admin)."""
    if context.invoked_subcommand is not None:
        return
    listed = ask("GET", "/v1/operators")["operators"]
    columns = (Column("operator", "keep"), Column("roles"), Column("last seen", "keep"))
    show_found(listed, listed, columns, _row, none="No operator is configured.", as_json=as_json)


def _row(operator: dict[str, Any]) -> tuple[str, ...]:
    return (
        operator["name"],
        ", ".join(operator["roles"]) or "may only look",
        operator["last_seen"] or "not since the service started",
    )


@operators.command()
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(("request", "approve", "admin")),
    help="May be given several times; without one the operator may only look.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the token in it.")
def add(name: str, roles: tuple[str, ...], *, as_json: bool) -> None:
    """Make a token for NAME, and print the lines that unglue.toml needs. Nothing is stored.

    The lines go to standard output, for: unglue operators add NAME >> unglue.toml
    """
    if not NAME.fullmatch(name):
        raise InvalidRequest("a name has 1 to 64 letters, digits, - and _")
    if name in from_file(os.environ).get("operators", {}):
        raise InvalidRequest(
            f"there is an operator {name}; to give it a new token, take [operators.{name}] out of "
            "the file first"
        )
    token = new_token()
    chosen = list(dict.fromkeys(roles))
    digest = token_hash(token)
    lines = f'[operators.{name}]\ntoken_sha256 = "{digest}"\nroles = {json.dumps(chosen)}\n'
    if as_json:
        made = {"name": name, "roles": chosen, "token": token, "token_sha256": digest}
        show_json({**made, "toml": lines})
        return
    say(f"The token of {name}, shown only now: {token}", err=True)
    say("These lines go into unglue.toml; then restart every part with it:", err=True)
    say(f"\n{lines}", end="")
