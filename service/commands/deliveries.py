"""`unglue deliveries`: what sources sent, and what became of it."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client import ServiceClient
from workers.states import VERDICTS


@click.command()
@click.argument("delivery_id", required=False)
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only those of this verdict.")
@click.option("--source", help="Only those of this source.")
@click.option("--since", help="Received at or after this time (RFC 3339).")
@click.option("--until", help="Received before this time (RFC 3339).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def deliveries(delivery_id: str | None, *, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - the flags are the query
    """List deliveries, newest first: the verdict, why, and the deletion it led to.

    Those of the verdict unverified wait to be proved, or were dismissed before they were.

    With an id: that one, with its headers and its body as they came. To read one again:
    unglue replay dlv_…
    """
    if delivery_id is not None:
        _show(delivery_id, as_json=as_json)
        return
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


def _show(delivery_id: str, *, as_json: bool) -> None:
    with ServiceClient.from_environment() as service:
        found = service.call("GET", f"/v1/deliveries/{quote(delivery_id, safe='')}")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    became = f"{found['verdict']}: {found['reason']}"
    if found["deletion_id"]:
        became += f", {found['deletion_id']}"
    console.print(escape(f"{found['id']}  {became}"))
    console.print(escape(f"received {found['received_at']} from source {found['source']}"))
    if found["repeats"]:
        times = "once" if found["repeats"] == 1 else f"{found['repeats']} times"
        console.print(f"repeated {times}, last at {found['last_seen']}")
    if found["dismissed"]:
        said = found["dismissed"]
        console.print(escape(f"dismissed by {said['by']} at {said['at']}: {said['reason']}"))
    for event in found["events"]:
        detail = f" ({event['detail']})" if event.get("detail") else ""
        console.print(escape(f"event {event['event_id']}: {event['reason']}{detail}"))
    for name, value in found["headers"]:
        console.print(escape(f"{name}: {value}"))
    console.print()
    if found["body_dropped"]:
        console.print(f"its body ({found['bytes']} bytes) is no longer kept")
    console.print(escape(found["body"]), soft_wrap=True)


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
        if each["repeats"]:
            became += f"\nand {each['repeats']} more, last {each['last_seen']}"
        table.add_row(
            each["id"], escape(f"{each['received_at']} from {each['source']}"), escape(became)
        )
    return table
