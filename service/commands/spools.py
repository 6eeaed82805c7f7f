"""`unglue spools`: what waits on the services' disks, and what deletions wait for."""

import click

from service.terminal.client import ServiceClient
from service.terminal.screen import Column, say, show_json, show_list


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
        show_json(listed)
        return
    if not listed:
        say("No spool is known.")
        return
    columns = (
        Column("spool", "keep"), Column("holds deletions", "keep"), Column("waiting", "keep"),
        Column("where"), Column("set aside"), Column("last seen", "spare"),
    )  # fmt: skip
    rows = []
    for each in listed:
        holds, aside = "yes" if each["holds_deletions"] else "no", ", ".join(each["set_aside"])
        rows.append((
            each["id"], holds, each["waiting"], each["where"], aside, each["seen_at"],
        ))  # fmt: skip
    show_list(columns, rows)


@spools.command()
@click.argument("spool_id")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def forget(spool_id: str, reason: str, *, as_json: bool) -> None:
    """Say that a spool is gone for good, with what was in it (role admin).

    Only for a service that never comes back: a reactivation that waits in its spool would no longer
    hold the deletion of its client.
    """
    with ServiceClient.from_environment() as service:
        forgotten = service.call("DELETE", f"/v1/spools/{spool_id}", {"reason": reason})
    if as_json:
        show_json(forgotten)
        return
    say(f"{spool_id} is forgotten; deletions no longer wait for it")
