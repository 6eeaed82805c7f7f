"""`unglue protect`, `unprotect`, `protections`: organizations that stay."""

import json
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client import ServiceClient


@click.command()
@click.argument("org_id")
@click.option("--reason", required=True, help="Why; kept with the protection.")
def protect(org_id: str, reason: str) -> None:
    """Protect an organization from deletion until an admin ends that."""
    with ServiceClient.from_environment() as service:
        held = service.call("POST", "/v1/protections", {"org_id": org_id, "reason": reason})
    click.echo(f"{held['org_id']} is protected by {held['by'] or held['how']} since {held['at']}")


@click.command()
@click.argument("org_id")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
def unprotect(org_id: str, reason: str) -> None:
    """End a protection (role admin). A tag or the file that still says so protects it again."""
    with ServiceClient.from_environment() as service:
        ended = service.call("DELETE", f"/v1/protections/{org_id}", {"reason": reason})
    click.echo(f"{ended['org_id']} is no longer protected")
    for warning in ended["warnings"]:
        click.echo(warning, err=True)


def _declined(no: dict[str, Any]) -> dict[str, Any]:
    """A person's no as a row of the same table."""
    return {
        **no,
        "org_id": no["form"].removeprefix("org:"),
        "how": f"{no['how']} {no['deletion_id']}",
    }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def protections(*, as_json: bool) -> None:
    """List the protected organizations, and those whose deletion a person stopped."""
    with ServiceClient.from_environment() as service:
        answer = service.call("GET", "/v1/protections")
    listed = [*answer["protections"], *map(_declined, answer["declined"])]
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    if not listed:
        click.echo("No organization is protected.")
        return
    table = Table()
    for column in ("organization", "since", "by", "how", "reason"):
        table.add_column(column, overflow="fold")
    for each in listed:
        who, why = escape(each["by"] or ""), escape(each["reason"] or "")
        table.add_row(each["org_id"], each["at"], who, each["how"], why)
    Console().print(table)
