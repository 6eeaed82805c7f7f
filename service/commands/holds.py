"""`unglue holds`, `dismiss`: deliveries that hold deletions, and the word that they need not."""

from typing import Any

import click

from service.terminal.client import ask
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, say, show_found, show_json
from workers.ledger.events.holds import WHYS

_REFUSED = {"holds_nothing": "holds nothing", "unknown": "there is no such delivery"}


@click.command()
@AS_JSON
def holds(*, as_json: bool) -> None:
    """List the deliveries that hold deletions: not understood, or not proved to be genuine.

    Each may say that a client is active. Correct the source and replay what was not understood, or
    look at it (unglue deliveries dlv_…) and dismiss it.
    """
    answered = ask("GET", "/v1/holds")
    found = answered["holds"]
    columns = (
        Column("delivery", "keep"), Column("why"), Column("holds deletions of"),
        Column("since", "spare"),
    )  # fmt: skip
    rows = [{**each, "of": source} for source, held in found.items() for each in held]
    show_found(found, rows, columns, _row, none="Nothing is held.", as_json=as_json)
    if rows and not as_json:
        at = answered["at"]
        say(f"in bulk: unglue dismiss --source … --verdict … --until {at} --reason …", err=True)


def _row(held: dict[str, Any]) -> tuple[str, ...]:
    whose = f"{', '.join(held['clients']) or 'every client'} of {held['of']}"
    return held["delivery_id"], f"{held['verdict']}: {held['reason']}", whose, held["at"]


@click.command()
@click.argument("delivery_ids", metavar="[DELIVERY_ID]...", nargs=-1)
@click.option("--source", help="All of this source, with --verdict.")
@click.option("--verdict", type=click.Choice(WHYS), help="All of this verdict, with --source.")
@click.option("--until", help="Of all, those that came before this time: when you looked.")
@click.option("--reason", required=True, help="Why; kept with the deliveries.")
@AS_JSON
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
    became = ask("POST", "/v1/deliveries/dismiss", {**body, "reason": reason})
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
