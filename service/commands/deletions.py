"""`unglue deletions`, `unglue cancel`: look at deletions, and stop one."""

from typing import Any
from urllib.parse import quote

import click
from rich.markup import escape

from service.console.needs import paused
from service.terminal.client import ask, narrowed
from service.terminal.options import AS_JSON, MOST
from service.terminal.outcome import due, named, summary
from service.terminal.screen import Column, say, screen, show_done, show_found, show_json
from service.terminal.tables import show_approval, show_plan
from workers.pipeline.states import STATES

_NOT_READ = {"at", "entry", "digest"}


@click.command()
@click.argument("deletion_id", required=False)
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--source", help="Only those of this source.")
@click.option("--since", help="Asked for at or after this time (RFC 3339).")
@click.option("--until", help="Asked for before this time (RFC 3339).")
@MOST
@AS_JSON
def deletions(deletion_id: str | None, *, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - the flags are the query
    """List deletions, newest first; or show one with its plan and journal."""
    if deletion_id is not None:
        _show(ask("GET", f"/v1/deletions/{deletion_id}"), as_json=as_json)
        return
    listed = ask("GET", narrowed("/v1/deletions", filters))
    for pause in () if as_json else listed["pauses"]:
        say(f"Deletions are {paused(pause)}", err=True)
    columns = (
        Column("id", "keep"), Column("state", "keep"), Column("organization"),
        Column("due or error"), Column("asked for by", "spare"), Column("asked for", "spare"),
    )  # fmt: skip
    show_found(listed, listed["deletions"], columns, _row, none="No deletions.", as_json=as_json)


def _row(deletion: dict[str, Any]) -> tuple[str, ...]:
    errors = "; ".join(error["message"] for error in deletion["errors"])
    person, source = deletion["actor"], deletion["source"]
    return (
        deletion["id"],
        deletion["state"],
        named(deletion),
        due(deletion, short=True) if deletion["due_at"] else errors or _foreseen(deletion),
        f"{person} ({source})" if person else source,
        deletion["created_at"],
    )


def _shown(value: object) -> str:
    """A value of the journal; of what was said of several things, the words alone."""
    if not isinstance(value, list):
        return str(value)
    return "; ".join(
        str(each.get("words", each)) if isinstance(each, dict) else str(each) for each in value
    )


def _foreseen(deletion: dict[str, Any]) -> str:
    """Of a dry run that ended, what would come of it."""
    if deletion["would_delete"] is None:
        return ""
    if deletion["would_delete"]:
        return "would be deleted"
    return f"would not: {', '.join(deletion['stopped_by'])}"


def _show(deletion: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(deletion)
        return
    console = screen()
    generation = f", generation {deletion['generation']}" if deletion["history"] else ""
    console.print(
        f"{deletion['id']}  {deletion['state']}  (source {deletion['source']}{generation})"
    )
    if deletion["result"]:
        console.print(escape(summary(deletion["result"])))
    elif deletion["waits_for"]:
        console.print(escape(f"waits for: {due(deletion)}"))
    show_approval(deletion, console)
    show_plan(deletion, console)
    for earlier in deletion["history"]:
        why = "; ".join(error["message"] for error in earlier["errors"])
        line = f"generation {earlier['generation']} ended {earlier['finished_at']}"
        console.print(escape(f"{line}  {earlier['state']}  {why}"))
    for entry in deletion["journal"]:
        # Digests are in the JSON; nobody reads them here.
        rest = {name: value for name, value in entry.items() if name not in _NOT_READ}
        detail = ", ".join(
            f"{name}={_shown(value)}" for name, value in rest.items() if value not in ("", [])
        )
        console.print(escape(f"{entry['at']}  {entry['entry']:<14} {detail}"))


@click.command()
@click.argument("deletion_id", required=False)
@click.option("--source", help="All that this source asked for, instead of one.")
@click.option("--reason", default="", help="Why; required with --source.")
@AS_JSON
def cancel(deletion_id: str | None, *, source: str | None, reason: str, as_json: bool) -> None:
    """Stop a deletion before its call goes out: while it waits, or in its grace period.

    With --source, for an incident: everything that this source asked for. Exit status: 0 stopped,
    1 something could not be stopped any more, 2 usage.
    """
    if (deletion_id is None) == (source is None):
        raise click.UsageError("name one deletion, or a --source")
    if source is not None and not reason:
        raise click.UsageError("--source needs a --reason")
    if source is None:
        show_state(ask("POST", f"/v1/deletions/{deletion_id}/cancel"), as_json=as_json)
        return
    stopped = ask("POST", f"/v1/sources/{quote(source, safe='')}/cancel", {"reason": reason})
    if as_json:
        show_json(stopped)
    else:
        for each in stopped["cancelled"]:
            say(f"{each} is cancelled")
        if not stopped["cancelled"] and not stopped["too_late"]:
            say(f"No deletion of source {source} is open.")
    for each in stopped["too_late"]:
        say(f"{each} could not be stopped any more; see: unglue deletions {each}", err=True)
    if stopped["too_late"]:
        raise SystemExit(1)


def show_state(deletion: dict[str, Any], *, as_json: bool) -> None:
    """How a deletion stands after something was done to it."""
    show_done(deletion, f"{deletion['id']} is {deletion['state']}", as_json=as_json)
