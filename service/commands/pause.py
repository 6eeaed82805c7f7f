"""`unglue pause`, `unglue resume`: stop everything destructive at once, and go on."""

from typing import Any

import click

from service.console.needs import paused
from service.terminal.client import ask
from service.terminal.options import AS_JSON
from service.terminal.screen import say, show_json


@click.command()
@click.option("--reason", required=True, help="Why; people are told.")
@AS_JSON
def pause(reason: str, *, as_json: bool) -> None:
    """Stop every deletion at once (any role). Events are taken in all the same."""
    now = ask("POST", "/v1/pause", {"reason": reason})
    _show(now, now["pauses"], "Deletions are", as_json=as_json)


@click.command()
@click.option("--reason", default="", help="Why; people are told.")
@click.option(
    "--accept-account",
    is_flag=True,
    help="From here on the ledger is for the IT Glue account that answers now.",
)
@click.option(
    "--accept-ledger",
    is_flag=True,
    help="Accept that Redis was emptied, replaced or restored; --reason is required.",
)
@AS_JSON
def resume(reason: str, *, accept_account: bool, accept_ledger: bool, as_json: bool) -> None:
    """Let deletions go on (role admin)."""
    if accept_ledger and not reason.strip():
        raise click.UsageError("--accept-ledger needs a --reason")
    asked: dict[str, Any] = {"reason": reason}
    if accept_ledger:
        asked["accept_ledger"] = True
    if accept_account:
        asked["accept_account"] = True
    now = ask("POST", "/v1/resume", asked)
    _show(now, now["ended"], "Deletions go on. They were", as_json=as_json)
    if not as_json and not now["ended"]:
        say("Deletions were not paused.")


def _show(now: dict[str, Any], causes: list[dict[str, Any]], begins: str, *, as_json: bool) -> None:
    if as_json:
        show_json(now)
        return
    for each in causes:
        say(f"{begins} {paused(each)}")
