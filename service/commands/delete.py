"""`unglue delete`: the manual trigger."""

import sys
from typing import Any

import click
from rich.markup import escape

from service.terminal.client import ServiceClient
from service.terminal.naming import name_of
from service.terminal.options import TIMEOUT
from service.terminal.outcome import due, summary
from service.terminal.screen import say, screen, show_json
from service.terminal.tables import show_plan
from service.terminal.waiting import ask_and_follow
from workers.pipeline.states import TERMINAL


@click.command()
@click.option("--org-id", help="IT Glue organization id.")
@click.option("--org-name", help="Organization name, exactly as in IT Glue.")
@click.option("--yes-name", help="The name of --org-id's organization, instead of being asked.")
@click.option("--confirm-delete", is_flag=True, help="Confirm: without it nothing is deleted.")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, delete nothing.")
@click.option("--force-delete", is_flag=True, help="Pass the dependency gate, and only that gate.")
@click.option("--reason", help="Why; kept with the deletion.")
@click.option("--callback-url", help="Where the result goes, instead of the configured URL.")
@TIMEOUT
@click.option("--exit-code", is_flag=True, help="A dry run of what would not go ends with 1.")
@click.option("--json", "as_json", is_flag=True, help="Print a dry run as JSON, not as tables.")
def delete(
    timeout: float,
    *,
    yes_name: str | None,
    exit_code: bool,
    as_json: bool,
    **fields: Any,  # noqa: ANN401 - the flags are the request's fields
) -> None:
    """Delete one organization and print the result object; a dry run prints the plan.

    With --org-id alone it shows the organization and asks for its name; scripts give --yes-name.

    Exit status: 0 deleted (or a dry run), 1 not deleted, 2 usage, 130 interrupted (Ctrl-C tries to
    cancel it). With --exit-code a dry run that would not delete is 1.
    """
    if fields["org_id"] is None and fields["org_name"] is None:
        raise click.UsageError("give --org-id or --org-name")
    request = {name: value for name, value in fields.items() if value not in (None, False)}
    with ServiceClient.from_environment() as service:
        name = name_of(service, request, yes_name, timeout)
        if name is not None:
            request["org_name"] = name
        deletion = ask_and_follow(service, request, timeout)
    if deletion["state"] not in TERMINAL:
        say(
            f"{deletion['id']} is {deletion['state']}, {due(deletion)}; it goes on "
            "without this command",
            err=True,
        )
        sys.exit(1)
    result = deletion["result"]
    if fields["dry_run"] and not as_json:
        console = screen()
        show_plan(deletion, console)
        for line in _beside_the_plan(deletion):
            console.print(f"- {escape(line)}")
    else:
        show_json(result)
    say(summary(result), err=True)
    would_not = fields["dry_run"] and exit_code and not result["details"]["would_delete"]
    sys.exit(0 if result["success"] and not would_not else 1)


def _beside_the_plan(deletion: dict[str, Any]) -> list[str]:
    """What is to be known and stands neither among the gates nor as why there is no plan."""
    if deletion["plan"] is None:
        return []
    result = deletion["result"]
    said = [answer["message"] for answer in deletion["plan"]["answers"] if answer["message"]]
    warnings = [each for each in result["warnings"] if not each.endswith(tuple(said))]
    return warnings + [error["message"] for error in result["errors"]]
