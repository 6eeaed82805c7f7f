"""`unglue sweep`, `unglue schedules`: find what a schedule looks for, now or at its times."""

import sys
import time
from typing import Any

import click
from rich.markup import escape

from adapters.counting import counted
from service.terminal.client import ServiceClient, ask
from service.terminal.options import AS_JSON, TIMEOUT
from service.terminal.screen import Column, say, screen, show_found, show_json, show_list
from service.terminal.waiting import interruptible

_LOOK_EVERY = 0.3
_TELL_EVERY = 2.0
_SWEEP = "swp_"


@click.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say what would be requested, and why.")
@TIMEOUT
@AS_JSON
def sweep(name: str, timeout: float, *, dry_run: bool, as_json: bool) -> None:
    """Sweep for the organizations that the schedule NAME looks for, and request each.

    A sweep's id (swp_…) in place of NAME shows that sweep, and waits for its end.

    Exit status: 0 finished, 1 held, failed or not yet at its end, 2 usage.
    """
    with ServiceClient.from_environment() as service:
        if name.startswith(_SWEEP):
            if dry_run:
                raise click.UsageError(f"{name} is a sweep that was begun; leave out --dry-run")
            goes_on = f"{name} goes on without this command"
            sys.exit(_awaited(service, name, goes_on, timeout, as_json=as_json))
        sys.exit(follow(service, name, {"dry_run": dry_run}, timeout, as_json=as_json))


def follow(
    service: ServiceClient, name: str, order: dict[str, Any], timeout: float, *, as_json: bool
) -> int:
    """Begin a sweep, wait for its end, show it; the exit status."""
    begun = service.call("POST", f"/v1/schedules/{name}/sweep", order)
    say(f"{begun['id']}: looking through the organizations …", err=True)
    dry_run = order.get("dry_run")
    stop = "" if dry_run else f"; unglue cancel --source schedule:{name} stops what it asks for"
    goes_on = f"{begun['id']} goes on without this command; look: unglue sweep {begun['id']}{stop}"
    return _awaited(service, begun["id"], goes_on, timeout, as_json=as_json)


def _awaited(
    service: ServiceClient, sweep_id: str, goes_on: str, timeout: float, *, as_json: bool
) -> int:
    with interruptible(goes_on):
        found = _end_of(service, sweep_id, timeout)
    if as_json:
        show_json(found)
    elif found["summary"] is not None:
        _show(found)
    if found["finished_at"] is None:
        say(f"{found['id']} is {found['state']}; {goes_on}", err=True)
    return 0 if found["state"] == "finished" else 1


def _end_of(service: ServiceClient, sweep_id: str, seconds: float) -> dict[str, Any]:
    """The sweep once it ended, or as it stands when the time is up."""
    deadline = time.monotonic() + seconds
    path = f"/v1/sweeps/{sweep_id}"
    found: dict[str, Any] = service.call("GET", path)
    said, tell_at = "", time.monotonic() + _TELL_EVERY
    while found["finished_at"] is None and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
        found = service.call("GET", path)
        now, line = time.monotonic(), how_far(found)
        if found["finished_at"] is None and line != said and now >= tell_at:
            said, tell_at = line, now + _TELL_EVERY
            say(f"{sweep_id}: {line} …", err=True)
    return found


def how_far(found: dict[str, Any]) -> str:
    """What a sweep that goes on has done, in words."""
    rows = found["organizations"]
    candidates = sum(each["met"] or each["checked"] for each in rows)
    match found["state"]:
        case "checking":
            checked = sum(each["checked"] for each in rows)
            return f"{checked} of {counted(candidates, 'candidates')} checked"
        case "requesting":
            asked = sum(each["deletion_id"] is not None for each in rows)
            return (
                f"{asked} of {counted(sum(each['met'] for each in rows), 'candidates')} requested"
            )
        case _:
            return f"{counted(len(rows), 'organizations')} looked at"


def _show(found: dict[str, Any]) -> None:
    summary, console = found["summary"], screen()
    columns = (
        Column("organization", "keep"), Column("name"), Column("answer", "keep"), Column("why"),
        Column("status", "spare"),
    )  # fmt: skip
    rows = []
    # A dry run finishes all the same.
    too_many = summary["allowed"] is not None and summary["met"] > summary["allowed"]
    held = too_many or summary["state"] != "finished"
    for row in sorted(found["organizations"], key=lambda each: not each["met"]):
        asked = row["deletion_id"] or "would be requested"
        verdict = asked if row["met"] else ("skipped" if row["skipped"] else "not selected")
        answer = "held" if held and row["met"] else verdict
        why = "; ".join(row["why"]) or "meets all criteria"
        rows.append((row["org_id"], row["name"], answer, why, row["status"]))
    show_list(columns, rows)
    for error in summary["errors"]:
        console.print(f"[red]{escape(error['message'])}[/]")
    if too_many:
        console.print(
            f"{counted(summary['met'], 'candidates are', 'candidate is')} more than the "
            f"{summary['allowed']} that limit and "
            "max_share allow: nothing is requested. If they are right, raise them and sweep again."
        )
    console.print(
        f"{summary['looked_at']} looked at, {summary['met']} met, "
        f"{len(summary['skipped'])} skipped, {summary['requested']} requested"
    )


@click.command()
@AS_JSON
def schedules(*, as_json: bool) -> None:
    """List the schedules with their next times (UTC)."""
    listed = ask("GET", "/v1/schedules")["schedules"]
    columns = (
        Column("schedule", "keep"), Column("cron", "keep"), Column("next"), Column("asks for"),
        Column("time zone", "spare"), Column("then", "spare"),
    )  # fmt: skip
    none = "No schedule is configured; add one to [schedules] in unglue.toml."
    show_found(listed, listed, columns, _times, none=none, as_json=as_json)


def _times(schedule: dict[str, Any]) -> tuple[str, ...]:
    asks = "dry runs" if schedule["dry_run"] else "deletions"
    if schedule["kind"] == "catch_up":
        asks = f"events that never came ({', '.join(schedule['sources']) or 'every PSA'})"
    elif not schedule["confirm_delete"] and not schedule["dry_run"]:
        asks += ", unconfirmed"
    first, *then = schedule["next"] or [""]
    return (
        schedule["name"], schedule["cron"], first, asks, schedule["timezone"], ", ".join(then),
    )  # fmt: skip
