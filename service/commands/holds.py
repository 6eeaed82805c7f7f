"""`unglue holds`, `dismiss`: deliveries that hold deletions, and the word that they need not."""

from typing import Any

import click

from service.terminal.client import ServiceClient
from service.terminal.screen import Column, say, show_json, show_list
from workers.ledger.events.holds import WHYS

_REFUSED = {"holds_nothing": "holds nothing", "unknown": "there is no such delivery"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def holds(*, as_json: bool) -> None:
    """List the deliveries that hold deletions: not understood, or not proved to be genuine.

    Each may say that a client is active. Correct the source and replay what was not understood, or
    look at it (unglue deliveries dlv_…) and dismiss it.
    """
    with ServiceClient.from_environment() as service:
        answered = service.call("GET", "/v1/holds")
    found, at = answered["holds"], answered["at"]
    if as_json:
        show_json(found)
        return
    if not found:
        say("Nothing is held.")
        return
    columns = (
        Column("delivery", "keep"), Column("why"), Column("holds deletions of"),
        Column("since", "spare"),
    )  # fmt: skip
    rows = [
        (
            each["delivery_id"],
            f"{each['verdict']}: {each['reason']}",
            _whose(source, each),
            each["at"],
        )
        for source, deliveries in found.items()
        for each in deliveries
    ]
    show_list(columns, rows)
    say(f"in bulk: unglue dismiss --source … --verdict … --until {at} --reason …", err=True)


def _whose(source: str, held: dict[str, Any]) -> str:
    clients = held["clients"]
    return f"{', '.join(clients)} of {source}" if clients else f"every client of {source}"


@click.command()
@click.argument("delivery_ids", metavar="[DELIVERY_ID]...", nargs=-1)
@click.option("--source", help="All of this source, with --verdict.")
@click.option("--verdict", type=click.Choice(WHYS), help="All of this verdict, with --source.")
@click.option("--until", help="Of all, those that came before this time: when you looked.")
@click.option("--reason", required=True, help="Why; kept with the deliveries.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def dismiss(
    delivery_ids: tuple[str, ...], reason: str, *, as_json: bool, **chosen: str | None
) -> None:
    """Say that deliveries need hold no deletion (role approve or admin). They stay stored.

    Only for what does not say that a client is active: nothing else holds its deletion then. In
    bulk, --until (which unglue holds prints) keeps out what came since you looked.

    Exit status: 0 all of them, 1 some hold nothing or are not known.
    """
    body: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if delivery_ids:
        body["ids"] = list(delivery_ids)
    with ServiceClient.from_environment() as service:
        became = service.call("POST", "/v1/deliveries/dismiss", {**body, "reason": reason})
    if as_json:
        show_json(became)
        raise SystemExit(1 if became["refused"] else 0)
    for each in became["dismissed"]:
        say(f"{each} holds nothing any more")
    if not became["dismissed"] and not became["refused"]:
        say("Nothing of that is held.")
    for each, why in became["refused"].items():
        say(f"{each}: {_REFUSED[why]}", err=True)
    if became["refused"]:
        raise SystemExit(1)
