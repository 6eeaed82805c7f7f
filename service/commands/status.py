"""`unglue status`, `results`, `report`: one screen, what was sent, what a month came to."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import click
from rich.markup import escape
from rich.table import Table

from service.console.needs import needs
from service.terminal.client import ServiceClient, ask, narrowed
from service.terminal.options import AS_JSON, MOST
from service.terminal.screen import Column, say, screen, show_found, show_json, show_list
from workers.pipeline.states import STATES, TERMINAL


@click.command()
@AS_JSON
def status(*, as_json: bool) -> None:
    """How everything stands, on one screen.

    Exit status: 0 all is well, 1 something needs a person or does not run.
    """
    now = ask("GET", "/v1/status")
    found = [each.words for each in needs(now)]
    if as_json:
        show_json({**now, "needs": found})
    else:
        _show(now, found)
    if found:
        raise SystemExit(1)


def _show(now: dict[str, Any], found: list[str]) -> None:
    console = screen()
    facts = Table.grid(padding=(0, 2))
    facts.add_row("mode", now["mode"])
    limit = f"{now['begun_within_24_hours']} of {now['max_deletions_per_day']}"
    facts.add_row("deletions within 24 hours", limit)
    facts.add_row("results and notifications on their way", str(now["results_due"]))
    for name in STATES:
        count = now["deletions"][name]
        if count:
            since = "" if name in TERMINAL else f"  (oldest since {now['oldest'][name]})"
            facts.add_row(name, f"{count}{since}")
    console.print(facts)
    if not found:
        say("Nothing needs you.")
    for each in found:
        console.print(f"[yellow]![/] {escape(each)}")


@click.command()
@click.option(
    "--state", type=click.Choice(("pending", "delivered", "stopped", "dead")), help="Only those."
)
@click.option("--until", help="Only older ones than this time (RFC 3339).")
@MOST
@AS_JSON
def results(*, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - the flags are the query
    """List results on their way to callback URLs, newest first, with attempts and answers.

    To send one again: unglue replay cb_…
    """
    listed = ask("GET", narrowed("/v1/results", filters))
    columns = (
        Column("id", "keep"), Column("state", "keep"), Column("tries", "keep"),
        Column("next", "spare"), Column("last answer"),
    )  # fmt: skip
    rows = listed["results"]
    show_found(listed, rows, columns, _way_of, none="No results.", as_json=as_json)


def _way_of(result: dict[str, Any]) -> tuple[object, ...]:
    answered = " ".join(str(part) for part in (result["status"], result["answer"]) if part)
    if result.get("waits_for"):
        silent = f"waits: {result['waits_for']} does not answer"
        answered = f"{silent}; {answered}" if answered else silent
    return result["id"], result["state"], result["attempts"], result["due_at"], answered[:200]


@click.command()
@click.option("--month", help="Like 2026-11; left out: the running month (UTC).")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@AS_JSON
def report(month: str | None, *, as_csv: bool, as_json: bool) -> None:
    """What was asked for in a month and what came of it: counts by source, outcome and code."""
    asked = month or datetime.now(UTC).strftime("%Y-%m")
    path = f"/v1/report?{urlencode({'month': asked})}"
    with ServiceClient.from_environment() as service:
        if as_csv:
            text = service.text("GET", path, {"Accept": "text/csv"})
            say(text.replace("\r\n", "\n"), end="")
            return
        rows = service.call("GET", path)["rows"]
    if as_json:
        show_json({"month": asked, "rows": rows})
        return
    if not rows:
        say(f"Nothing was asked for in {asked}.")
        return
    say(f"Deletions asked for in {asked} (UTC)", err=True)
    columns = (Column("source"), Column("outcome", "keep"), Column("code"), Column("count", "keep"))
    counted = [
        (
            each["source"],
            each["outcome"] + (" (dry run)" if each["dry_run"] else ""),
            each["code"],
            each["count"],
        )
        for each in rows
    ]
    show_list(columns, [*counted, ("all", "", "", sum(each["count"] for each in rows))])
