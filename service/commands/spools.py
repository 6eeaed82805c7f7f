"""`unglue spools`: what waits on the services' disks, and what deletions wait for."""

import json

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client import ServiceClient


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def spools(ctx: click.Context, *, as_json: bool) -> None:
    """List the services' spools. Deletions of clients wait for those that hold."""
    if ctx.invoked_subcommand is not None:
        return
    with ServiceClient.from_environment() as service:
        listed = service.call("GET", "/v1/spools")["spools"]
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    if not listed:
        click.echo("No spool is known.")
        return
    table = Table()
    for column in ("spool", "where", "holds deletions", "waiting", "set aside", "last seen"):
        table.add_column(column, overflow="fold")
    for each in listed:
        holds = "yes" if each["holds_deletions"] else "no"
        aside, where = escape(", ".join(each["set_aside"])), escape(each["where"])
        table.add_row(each["id"], where, holds, str(each["waiting"]), aside, each["seen_at"])
    Console().print(table)


@spools.command()
@click.argument("spool_id")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
def forget(spool_id: str, reason: str) -> None:
    """Say that a spool is gone for good, with what was in it (role admin).

    Only for a service that never comes back: a reactivation that waits in its spool would no longer
    hold the deletion of its client.
    """
    with ServiceClient.from_environment() as service:
        service.call("DELETE", f"/v1/spools/{spool_id}", {"reason": reason})
    click.echo(f"{spool_id} is forgotten; deletions no longer wait for it")
