"""`unglue holds`, `dismiss`: deliveries that hold deletions, and the word that they need not."""

import json
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client import ServiceClient
from workers.ledger.holds import WHYS

_REFUSED = {"holds_nothing": "holds nothing", "unknown": "there is no such delivery"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def holds(*, as_json: bool) -> None:
    """List the deliveries that hold deletions: not understood, or not proved to be genuine.

    Each may say that a client is active. Correct the source and replay what was not understood, or
    look at it (unglue deliveries dlv_…) and dismiss it.
    """
    with ServiceClient.from_environment() as service:
        found = service.call("GET", "/v1/holds")["holds"]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("Nothing is held.")
        return
    # 80 characters must be enough, and ids are copied from here.
    table = Table(show_edge=False)
    table.add_column("delivery", no_wrap=True)
    for column in ("since", "why", "holds deletions of"):
        table.add_column(column, overflow="fold")
    for source, deliveries in found.items():
        for each in deliveries:
            why = f"{each['verdict']}: {each['reason']}"
            table.add_row(
                each["delivery_id"], each["at"], escape(why), escape(_whose(source, each))
            )
    Console().print(table)


def _whose(source: str, held: dict[str, Any]) -> str:
    clients = held["clients"]
    return f"{', '.join(clients)} of {source}" if clients else f"every client of {source}"


@click.command()
@click.argument("delivery_ids", metavar="[DELIVERY_ID]...", nargs=-1)
@click.option("--source", help="All of this source, with --verdict.")
@click.option("--verdict", type=click.Choice(WHYS), help="All of this verdict, with --source.")
@click.option("--until", help="Of all, only those that came before this time (RFC 3339).")
@click.option("--reason", required=True, help="Why; kept with the deliveries.")
def dismiss(delivery_ids: tuple[str, ...], reason: str, **chosen: str | None) -> None:
    """Say that deliveries need hold no deletion (role approve or admin). They stay stored.

    Only for what does not say that a client is active: nothing else holds its deletion then. In
    bulk, --until keeps out what came since you looked.

    Exit status: 0 all of them, 1 some hold nothing or are not known.
    """
    body: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if delivery_ids:
        body["ids"] = list(delivery_ids)
    with ServiceClient.from_environment() as service:
        became = service.call("POST", "/v1/deliveries/dismiss", {**body, "reason": reason})
    for each in became["dismissed"]:
        click.echo(f"{each} holds nothing any more")
    if not became["dismissed"] and not became["refused"]:
        click.echo("Nothing of that is held.")
    for each, why in became["refused"].items():
        click.echo(f"{each}: {_REFUSED[why]}", err=True)
    if became["refused"]:
        raise SystemExit(1)
