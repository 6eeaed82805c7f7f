"""`unglue deliveries`: what sources sent, and what became of it."""

import json
from typing import Any
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client import ServiceClient
from workers.states import VERDICTS


@click.command()
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only those of this verdict.")
@click.option("--source", help="Only those of this source.")
@click.option("--since", help="Received at or after this time (RFC 3339).")
@click.option("--until", help="Received before this time (RFC 3339).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def deliveries(*, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - the flags are the query
    """List verified deliveries, newest first: the verdict, why, and the deletion it led to.

    What `unglue replay` takes: unglue replay dlv_…
    """
    query = urlencode({name: value for name, value in filters.items() if value is not None})
    with ServiceClient.from_environment() as service:
        listed = service.call("GET", f"/v1/deliveries?{query}")
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    if listed["deliveries"]:
        Console().print(_table(listed["deliveries"]))
    else:
        click.echo("No deliveries.")
    if listed["next_until"]:
        click.echo(f"more: --until {listed['next_until']}", err=True)


def _table(rows: list[dict[str, Any]]) -> Table:
    # 80 characters must be enough.
    table = Table(show_edge=False)
    # Ids are copied from here, so they are never cut.
    table.add_column("id", no_wrap=True)
    table.add_column("received", overflow="fold")
    table.add_column("verdict", min_width=24, overflow="fold")
    for each in rows:
        became = f"{each['verdict']}: {each['reason']}"
        if each["deletion_id"]:
            became += f"\n{each['deletion_id']}"
        table.add_row(
            each["id"], escape(f"{each['received_at']} from {each['source']}"), escape(became)
        )
    return table
