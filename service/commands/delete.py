"""`unglue delete`: the manual trigger."""

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from service.client import ServiceClient
from service.commands.deletions import due
from service.tables import show_plan
from workers.states import TERMINAL


@click.command()
@click.option("--org-id", help="IT Glue organization id.")
@click.option("--org-name", help="Organization name, exactly as in IT Glue.")
@click.option("--confirm-delete", is_flag=True, help="Confirm: without it nothing is deleted.")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, delete nothing.")
@click.option("--force-delete", is_flag=True, help="Pass the dependency gate, and only that gate.")
@click.option("--reason", help="Why; kept with the deletion.")
@click.option("--callback-url", help="Where the result goes, instead of the configured URL.")
@click.option(
    "--timeout",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds to wait for the end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a dry run as JSON, not as tables.")
def delete(timeout: float, *, as_json: bool, **fields: Any) -> None:  # noqa: ANN401 - the flags are the request's fields
    """Delete one organization and print the result object; a dry run prints the plan.

    Exit status: 0 deleted (or previewed), 1 not deleted, 2 usage.
    """
    if fields["org_id"] is None and fields["org_name"] is None:
        raise click.UsageError("give --org-id or --org-name")
    request = {name: value for name, value in fields.items() if value not in (None, False)}
    with ServiceClient.from_environment() as service:
        started = service.call("POST", "/v1/deletions", request)
        click.echo(f"{started['id']}: waiting for the end …", err=True)
        deletion = service.finished(started, timeout)
    if deletion["state"] not in TERMINAL:
        click.echo(
            f"{deletion['id']} is {deletion['state']}, {due(deletion)}; it goes on "
            "without this command",
            err=True,
        )
        sys.exit(1)
    result = deletion["result"]
    if fields["dry_run"] and not as_json:
        console = Console()
        show_plan(deletion, console)
        for line in (*result["warnings"], *(error["message"] for error in result["errors"])):
            console.print(f"- {escape(line)}")
    else:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    sys.exit(0 if result["success"] else 1)
