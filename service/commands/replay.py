"""`unglue replay`: begin what ended anew, read what was stored again, send results once more."""

import sys
import time
from typing import Any
from urllib.parse import quote

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.terminal.client import ServiceClient
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, say, screen, show_done, show_found, show_json, show_list
from service.terminal.waiting import interruptible

_KINDS = {"del": "deletions", "dlv": "deliveries", "cb": "callbacks"}
_LOOK_EVERY = 0.3
_FILTERS = ("source", "state", "verdict", "since", "until")


@click.command()
@click.argument("ids", nargs=-1)
@click.option(
    "--what",
    type=click.Choice(list(_KINDS.values())),
    help="What to replay; by default what the ids are.",
)
@click.option("--source", help="Only those of this source.")
@click.option("--state", help="Only those in this state (deletions, callbacks).")
@click.option("--verdict", help="Only those with this verdict (deliveries).")
@click.option("--since", help="At or after this time (RFC 3339).")
@click.option("--until", help="Before this time (RFC 3339).")
@click.option("--rate", type=click.IntRange(1, 6000), help="How many a minute.  [default: 60]")
@click.option("--limit", type=click.IntRange(1, 10_000), help="How many at most.  [default: 100]")
@click.option("--dry-run", is_flag=True, help="Only count, and show the first ids.")
@click.option("--list", "listed", is_flag=True, help="List the newest bulk replays.")
@click.option("--stop", metavar="REPLAY_ID", help="Stop a bulk replay.")
@click.option(
    "--timeout",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds without progress after which it is not waited for.",
)
@click.option("--no-wait", is_flag=True, help="Begin, and do not wait for the end.")
@AS_JSON
def replay(
    ids: tuple[str, ...], *, listed: bool, stop: str | None, no_wait: bool, as_json: bool,
    timeout: float,
    **fields: Any,  # noqa: ANN401 - the flags are the request's fields
) -> None:  # fmt: skip
    """Replay IDS, or what the filters find: deletions, deliveries or callbacks (results).

    A deletion restarts with the same id (generation + 1); a stored delivery is read again with the
    configuration of now; a result is sent again under a new webhook-id.

    Exit status: 0 everything was replayed, 1 something was refused or is not done yet, 2 usage.
    """
    with ServiceClient.from_environment() as service:
        if listed:
            _list(service.call("GET", "/v1/replays"), as_json=as_json)
            return
        if stop is not None:
            stopped = service.call("POST", f"/v1/replays/{quote(stop, safe='')}/cancel")
            show_done(stopped, f"{stop} stops", as_json=as_json)
            return
        asked = _asked(ids, fields)
        if asked["what"] == "deletions" and len(ids) == 1 and not fields["dry_run"]:
            begun = service.call("POST", f"/v1/deletions/{quote(ids[0], safe='')}/replay")
            words = f"{begun['id']} is {begun['state']}, generation {begun['generation']}"
            show_done(begun, words, as_json=as_json)
            return
        begun = service.call("POST", "/v1/replays", asked)
        if fields["dry_run"]:
            _counted(begun, as_json=as_json)
            return
        goes_on = f"{begun['id']} goes on without this command; to stop it: --stop {begun['id']}"
        with interruptible(goes_on):
            done = begun if no_wait else _followed(service, begun, timeout)
    if as_json:
        show_json(done)
    else:
        _show(done)
    complete = done["state"] == "finished" and done["replayed"] == done["total"]
    sys.exit(0 if complete else 1)


def _asked(ids: tuple[str, ...], fields: dict[str, Any]) -> dict[str, Any]:
    """The body of the request.

    Raises:
        click.UsageError: it would not say what is meant.
    """
    given = {name: value for name, value in fields.items() if value not in (None, False)}
    kinds = {_KINDS.get(each.partition("_")[0]) for each in ids}
    if ids and any(name in given for name in _FILTERS):
        raise click.UsageError("give ids or filters, not both")
    if not ids and not any(name in given for name in _FILTERS):
        raise click.UsageError("give ids, or --what with a filter")
    if "what" not in given:
        if len(kinds) != 1 or None in kinds:
            raise click.UsageError("no ids of one kind (del_…, dlv_…, cb_…): give --what")
        given["what"] = kinds.pop()
    return given | ({"ids": list(ids)} if ids else {})


def _followed(service: ServiceClient, begun: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The bulk replay once it ended, or made no progress for so long.

    Its progress is shown on standard error.
    """
    seen, moved = begun, time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=screen(err=True)) as progress:
        task = progress.add_task(begun["id"], total=begun["total"])
        while seen["finished_at"] is None:
            time.sleep(_LOOK_EVERY)
            before, seen = seen, service.call("GET", f"/v1/replays/{begun['id']}")
            if seen["done"] != before["done"]:
                moved = time.monotonic()
            elif time.monotonic() - moved > seconds:
                say("it makes no progress; is a worker running? see: unglue doctor", err=True)
                say(f"it goes on without this command; to stop it: --stop {seen['id']}", err=True)
                break
            progress.update(task, completed=seen["done"])
    return seen


def _counted(counted: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(counted)
    elif counted["matched"] == 0:
        say(f"No {counted['what']} match.")
    else:
        say(f"{counted['what']} that match: {counted['matched']}; to be replayed, beginning with:")
        say("\n".join(counted["ids"]))
        if counted["total"] < counted["matched"]:
            say(f"no more than {counted['total']} of them; --limit takes more", err=True)


def _show(done: dict[str, Any]) -> None:
    if done["total"] == 0:
        say(f"No {done['what']} match; there is nothing to replay.")
        return
    say(
        f"{done['id']} {done['state']}: {done['replayed']} of {done['total']} {done['what']} "
        f"replayed, {len(done['refused'])} refused"
    )
    if done["matched"] > done["total"]:
        say(f"{done['matched']} match; --limit takes more of them", err=True)
    if done["refused"]:
        show_list((Column("id", "keep"), Column("why not")), list(done["refused"].items()))


def _list(found: dict[str, Any], *, as_json: bool) -> None:
    columns = (
        Column("id", "keep"), Column("what", "keep"), Column("state", "keep"),
        Column("done", "keep"), Column("replayed"), Column("refused"), Column("by", "spare"),
        Column("begun", "spare"),
    )  # fmt: skip
    show_found(found, found["replays"], columns, _row, none="No replays.", as_json=as_json)


def _row(replay: dict[str, Any]) -> tuple[object, ...]:
    why = ", ".join(f"{count} {name}" for name, count in replay["refused_by_reason"].items())
    done = f"{replay['done']} of {replay['total']}"
    return (
        replay["id"], replay["what"], replay["state"], done, replay["replayed"], why, replay["by"],
        replay["created_at"],
    )  # fmt: skip
