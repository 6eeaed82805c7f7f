"""`unglue deletions`, `unglue cancel`: look at deletions, and stop one."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client import ServiceClient
from service.commands.pause import paused
from service.tables import show_approval, show_plan
from workers.states import AWAITING_APPROVAL, SCHEDULED, STATES


@click.command()
@click.argument("deletion_id", required=False)
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--source", help="Only those of this source.")
@click.option("--since", help="Asked for at or after this time (RFC 3339).")
@click.option("--until", help="Asked for before this time (RFC 3339).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def deletions(deletion_id: str | None, *, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - the flags are the query
    """List deletions, newest first; or show one with its plan and journal."""
    with ServiceClient.from_environment() as service:
        if deletion_id is not None:
            _show(service.call("GET", f"/v1/deletions/{deletion_id}"), as_json=as_json)
            return
        query = urlencode({name: value for name, value in filters.items() if value is not None})
        listed = service.call("GET", f"/v1/deletions?{query}")
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    for pause in listed["pauses"]:
        click.echo(f"Deletions are {paused(pause)}", err=True)
    if not listed["deletions"]:
        click.echo("No deletions.")
        return
    # What is to be done stands in the last column, and 80 characters must be enough for it.
    table = Table(show_edge=False)
    # Ids are copied from here, so they are never cut.
    table.add_column("id", min_width=24, no_wrap=True)
    for column in ("asked for", "state", "organization", "due or error"):
        table.add_column(column, overflow="fold")
    for each in listed["deletions"]:
        organization = f"{each['org_id'] or '?'} {each['org_name'] or ''}"
        errors = "; ".join(error["message"] for error in each["errors"])
        why = due(each) if each["due_at"] else errors
        table.add_row(
            each["id"],
            escape(f"{each['created_at']} by {each['source']}"),
            each["state"],
            escape(organization),
            escape(why),
        )
    Console().print(table)
    if listed["next_until"]:
        click.echo(f"more: --until {listed['next_until']}", err=True)


def due(deletion: dict[str, Any]) -> str:
    """When something happens by itself, who can do something before, and what it waits for."""
    at: str = deletion["due_at"]
    if deletion["state"] == AWAITING_APPROVAL:
        who = ", ".join(deletion["approvers"]) or "nobody; see [operators]"
        return f"to be approved before {at} by: {who}"
    if deletion["waits_for"]:
        return f"{deletion['waits_for']}, looked at again {at}"
    return f"to be deleted {at}" if deletion["state"] == SCHEDULED else f"due {at}"


def _show(deletion: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(deletion, indent=2, ensure_ascii=False))
        return
    console = Console()
    generation = f", generation {deletion['generation']}" if deletion["history"] else ""
    console.print(
        f"{deletion['id']}  {deletion['state']}  (source {deletion['source']}{generation})"
    )
    if deletion["waits_for"]:
        console.print(f"waits for: {due(deletion)}")
    show_approval(deletion, console)
    show_plan(deletion, console)
    for earlier in deletion["history"]:
        why = "; ".join(error["message"] for error in earlier["errors"])
        line = f"generation {earlier['generation']} ended {earlier['finished_at']}"
        console.print(escape(f"{line}  {earlier['state']}  {why}"))
    for entry in deletion["journal"]:
        rest = {name: value for name, value in entry.items() if name not in {"at", "entry"}}
        detail = ", ".join(f"{name}={value}" for name, value in rest.items() if value != "")
        console.print(escape(f"{entry['at']}  {entry['entry']:<14} {detail}"))


@click.command()
@click.argument("deletion_id", required=False)
@click.option("--source", help="All that this source asked for, instead of one.")
@click.option("--reason", default="", help="Why; required with --source.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cancel(deletion_id: str | None, *, source: str | None, reason: str, as_json: bool) -> None:
    """Stop a deletion before its call goes out: while it waits, or in its grace period.

    With --source, for an incident: everything that this source asked for. Exit status: 0 stopped,
    1 something could not be stopped any more, 2 usage.
    """
    if (deletion_id is None) == (source is None):
        raise click.UsageError("name one deletion, or a --source")
    if source is not None and not reason:
        raise click.UsageError("--source needs a --reason")
    with ServiceClient.from_environment() as service:
        if source is None:
            say(service.call("POST", f"/v1/deletions/{deletion_id}/cancel"), as_json=as_json)
            return
        path = f"/v1/sources/{quote(source, safe='')}/cancel"
        stopped = service.call("POST", path, {"reason": reason})
    if as_json:
        click.echo(json.dumps(stopped, indent=2, ensure_ascii=False))
    else:
        for each in stopped["cancelled"]:
            click.echo(f"{each} is cancelled")
        if not stopped["cancelled"] and not stopped["too_late"]:
            click.echo(f"No deletion of source {source} is open.")
    for each in stopped["too_late"]:
        click.echo(f"{each} could not be stopped any more; see: unglue deletions {each}", err=True)
    if stopped["too_late"]:
        raise SystemExit(1)


def say(deletion: dict[str, Any], *, as_json: bool) -> None:
    """How a deletion stands after something was done to it."""
    if as_json:
        click.echo(json.dumps(deletion, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{deletion['id']} is {deletion['state']}")
