"""`unglue status`, `results`, `report`: one screen, what was sent, what a month came to."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client import ServiceClient
from service.commands.pause import paused
from workers.states import AWAITING_APPROVAL, STATES, TERMINAL

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@_JSON
def status(*, as_json: bool) -> None:
    """How everything stands, on one screen.

    Exit status: 0 all is well, 1 something needs a person or does not run.
    """
    with ServiceClient.from_environment() as service:
        now = service.call("GET", "/v1/status")
    needs = list(needing(now))
    if as_json:
        click.echo(json.dumps({**now, "needs": needs}, indent=2, ensure_ascii=False))
    else:
        _show(now, needs)
    if needs:
        raise SystemExit(1)


def needing(now: dict[str, Any]) -> list[str]:
    """What a person should look at, most urgent first, each with the command that shows more."""
    found = [f"deletions are {paused(each)}; to go on: unglue resume" for each in now["pauses"]]
    if not now["scheduler"]:
        found.append("no scheduler is alive; start: unglue scheduler")
    # A service of an older version does not say.
    if not now.get("outbox", True):
        found.append("nobody sends results and notices; start: unglue outbox")
    if now["overdue"]:
        found.append(
            f"{now['overdue']} deletions should have been taken up a minute ago; is a worker "
            "running? see: unglue doctor"
        )
    waiting = now["deletions"][AWAITING_APPROVAL]
    if waiting:
        found.append(f"{waiting} wait for approval: unglue deletions --state {AWAITING_APPROVAL}")
    if now["quarantined"]:
        found.append(
            f"{now['quarantined']} deliveries cannot be proved: unglue deliveries --verdict "
            "unverified"
        )
    return found


def _show(now: dict[str, Any], needs: list[str]) -> None:
    console = Console(highlight=False)
    facts = Table.grid(padding=(0, 2))
    facts.add_row("mode", now["mode"])
    limit = f"{now['begun_within_24_hours']} of {now['max_deletions_per_day']}"
    facts.add_row("deletions within 24 hours", limit)
    facts.add_row("results on their way", str(now["results_due"]))
    for name in STATES:
        count = now["deletions"][name]
        if count:
            since = "" if name in TERMINAL else f"  (oldest since {now['oldest'][name]})"
            facts.add_row(name, f"{count}{since}")
    console.print(facts)
    if not needs:
        click.echo("Nothing needs you.")
    for each in needs:
        console.print(f"[yellow]![/] {escape(each)}")


@click.command()
@click.option(
    "--state", type=click.Choice(("pending", "delivered", "stopped", "dead")), help="Only those."
)
@click.option("--until", help="Only older ones than this time (RFC 3339).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
@_JSON
def results(*, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - the flags are the query
    """List results on their way to callback URLs, newest first, with attempts and answers.

    To send one again: unglue replay cb_…
    """
    query = urlencode({name: value for name, value in filters.items() if value is not None})
    with ServiceClient.from_environment() as service:
        listed = service.call("GET", f"/v1/results?{query}")
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    if not listed["results"]:
        click.echo("No results.")
        return
    table = Table(show_edge=False)
    table.add_column("id", no_wrap=True)
    for column in ("state", "tries", "last answer"):
        table.add_column(column, overflow="fold")
    for each in listed["results"]:
        answered = " ".join(str(part) for part in (each["status"], each["answer"]) if part)
        if each.get("waits_for"):
            answered = f"waits: {each['waits_for']} does not answer; {answered}"
        due = f" (next {each['due_at']})" if each["due_at"] else ""
        table.add_row(
            each["id"], escape(each["state"] + due), str(each["attempts"]), escape(answered[:120])
        )
    Console().print(table)
    if listed["next_until"]:
        click.echo(f"more: --until {listed['next_until']}", err=True)


@click.command()
@click.option("--month", help="Like 2026-11; left out: the running month (UTC).")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@_JSON
def report(month: str | None, *, as_csv: bool, as_json: bool) -> None:
    """What was asked for in a month and what came of it: counts by source, outcome and code."""
    asked = month or datetime.now(UTC).strftime("%Y-%m")
    path = f"/v1/report?{urlencode({'month': asked})}"
    with ServiceClient.from_environment() as service:
        if as_csv:
            click.echo(service.text("GET", path, {"Accept": "text/csv"}), nl=False)
            return
        rows = service.call("GET", path)["rows"]
    if as_json:
        click.echo(json.dumps({"month": asked, "rows": rows}, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(f"Nothing was asked for in {asked}.")
        return
    table = Table(title=f"Deletions asked for in {asked} (UTC)", title_justify="left")
    for column in ("source", "outcome", "code"):
        table.add_column(column, overflow="fold")
    table.add_column("count", justify="right")
    for each in rows:
        outcome = each["outcome"] + (" (dry run)" if each["dry_run"] else "")
        table.add_row(escape(each["source"]), outcome, each["code"] or "", str(each["count"]))
    table.add_section()
    table.add_row("all", "", "", str(sum(each["count"] for each in rows)))
    Console().print(table)
