"""`unglue deliveries`: what sources sent, and what became of it."""

from typing import Any
from urllib.parse import quote

import click
from rich.markup import escape

from adapters.counting import counted
from service.terminal.client import ask, narrowed
from service.terminal.options import AS_JSON, MOST
from service.terminal.screen import Column, screen, show_found, show_json
from workers.pipeline.states import VERDICTS

_COLUMNS = (
    Column("id", "keep"), Column("verdict", "keep"), Column("reason"),
    Column("deletion", "keep"), Column("source", "spare"), Column("repeats", "spare"),
    Column("received", "spare"),
)  # fmt: skip


@click.command()
@click.argument("delivery_id", required=False)
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only those of this verdict.")
@click.option("--source", help="Only those of this source.")
@click.option("--since", help="Received at or after this time (RFC 3339).")
@click.option("--until", help="Received before this time (RFC 3339).")
@MOST
@AS_JSON
def deliveries(delivery_id: str | None, *, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - the flags are the query
    """List deliveries, newest first: the verdict, why, and the deletion it led to.

    Those of the verdict unverified wait to be proved, or were dismissed before they were.

    With an id: that one, with its headers and its body as they came. To read one again:
    unglue replay dlv_…
    """
    if delivery_id is not None:
        _show(delivery_id, as_json=as_json)
        return
    listed = ask("GET", narrowed("/v1/deliveries", filters))
    rows = listed["deliveries"]
    show_found(listed, rows, _COLUMNS, _row, none="No deliveries.", as_json=as_json)


def _show(delivery_id: str, *, as_json: bool) -> None:
    found = ask("GET", f"/v1/deliveries/{quote(delivery_id, safe='')}")
    if as_json:
        show_json(found)
        return
    console = screen()
    became = f"{found['verdict']}: {found['reason']}"
    if found["deletion_id"]:
        became += f", {found['deletion_id']}"
    console.print(escape(f"{found['id']}  {became}"))
    console.print(escape(f"received {found['received_at']} from source {found['source']}"))
    if found["caught_up"]:
        console.print("nobody sent it: the PSA said it when it was asked")
    if found["repeats"]:
        times = counted(found["repeats"], "times")
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
        console.print(f"its body ({counted(found['bytes'], 'bytes')}) is no longer kept")
    console.print(escape(found["body"]), soft_wrap=True)


def _row(delivery: dict[str, Any]) -> tuple[object, ...]:
    return (
        delivery["id"],
        delivery["verdict"],
        delivery["reason"],
        delivery["deletion_id"] or "",
        delivery["source"],
        delivery["repeats"] or "",
        delivery["received_at"],
    )
