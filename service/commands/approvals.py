"""`unglue approve`, `unglue reject`: decide on a deletion that waits for a person."""

import click

from adapters.errors import Conflict
from service.commands.deletions import show_state
from service.terminal.client import ServiceClient, ask
from service.terminal.naming import typed_name
from service.terminal.screen import screen
from service.terminal.tables import show_approval, show_plan


@click.command()
@click.argument("deletion_id")
@click.option("--force-delete", is_flag=True, help="Pass the dependency gate: records are lost.")
@click.option("--reason", default="", help="Why; kept with the deletion.")
@click.option("--name", help="The organization's name, instead of being asked for it.")
@click.option("--json", "as_json", is_flag=True, help="Print the deletion as JSON.")
def approve(
    deletion_id: str, *, force_delete: bool, reason: str, name: str | None, as_json: bool
) -> None:
    """Look at a deletion's plan and approve exactly that (role approve, and not your own).

    Exit status: 0 approved, 1 it cannot be approved, 2 usage, or another name was typed.
    """
    with ServiceClient.from_environment() as service:
        shown = service.call("GET", f"/v1/deletions/{deletion_id}")
        approval = shown["approval"]
        if approval is None or not (approval["wanted"] or approval["by"]):
            raise Conflict(f"{shown['id']} does not wait for approval: it is {shown['state']}")
        if approval["by"]:
            # The service knows whether this is the same approval again, and then confirms it.
            name = None
        else:
            console = screen(err=True)
            show_approval(shown, console)
            show_plan(shown, console)
            if approval["needs_force_delete"] and not force_delete:
                raise Conflict("it still holds records: --force-delete approves that they are lost")
            if name is None:
                name = typed_name("to approve", "nothing was approved")
        body = {
            "digest": approval["digest"],
            "force_delete": force_delete,
            "reason": reason,
            "org_name": name,
        }
        deletion = service.call("POST", f"/v1/deletions/{deletion_id}/approve", body)
    show_state(deletion, as_json=as_json)


@click.command()
@click.argument("deletion_id")
@click.option("--reason", required=True, help="Why; whoever asked for it reads this.")
@click.option("--json", "as_json", is_flag=True, help="Print the deletion as JSON.")
def reject(deletion_id: str, *, reason: str, as_json: bool) -> None:
    """End a deletion that waits for approval (role approve)."""
    deletion = ask("POST", f"/v1/deletions/{deletion_id}/reject", {"reason": reason})
    show_state(deletion, as_json=as_json)
