"""`unglue deletions`, `unglue cancel`: look at deletions, and stop one."""

import json
from typing import Any
from urllib.parse import urlencode

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
@click.argument("deletion_id")
@click.option("--json", "as_json", is_flag=True, help="Print the deletion as JSON.")
def cancel(deletion_id: str, *, as_json: bool) -> None:
    """Stop a deletion before its call goes out: while it waits, or in its grace period."""
    with ServiceClient.from_environment() as service:
        deletion = service.call("POST", f"/v1/deletions/{deletion_id}/cancel")
    say(deletion, as_json=as_json)


def say(deletion: dict[str, Any], *, as_json: bool) -> None:
    """How a deletion stands after something was done to it."""
    if as_json:
        click.echo(json.dumps(deletion, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{deletion['id']} is {deletion['state']}")
