"""`unglue spools`: what waits on the services' disks, and what deletions wait for."""

from typing import Any

import click

from service.terminal.client import ask
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, show_done, show_found


@click.group(invoke_without_command=True)
@AS_JSON
@click.pass_context
def spools(ctx: click.Context, *, as_json: bool) -> None:
    """List the services' spools. Deletions of clients wait for those that hold."""
    if ctx.invoked_subcommand is not None:
        return
    listed = ask("GET", "/v1/spools")["spools"]
    columns = (
        Column("spool", "keep"), Column("holds deletions", "keep"), Column("waiting", "keep"),
        Column("where"), Column("set aside"), Column("last seen", "spare"),
    )  # fmt: skip
    show_found(listed, listed, columns, _row, none="No spool is known.", as_json=as_json)


def _row(spool: dict[str, Any]) -> tuple[object, ...]:
    holds, aside = "yes" if spool["holds_deletions"] else "no", ", ".join(spool["set_aside"])
    return spool["id"], holds, spool["waiting"], spool["where"], aside, spool["seen_at"]


@spools.command()
@click.argument("spool_id")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
@AS_JSON
def forget(spool_id: str, reason: str, *, as_json: bool) -> None:
    """Say that a spool is gone for good, with what was in it (role admin).

    Only for a service that never comes back: a reactivation that waits in its spool would no longer
    hold the deletion of its client.
    """
    forgotten = ask("DELETE", f"/v1/spools/{spool_id}", {"reason": reason})
    words = f"{spool_id} is forgotten; deletions no longer wait for it"
    show_done(forgotten, words, as_json=as_json)
