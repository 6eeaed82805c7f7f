"""`unglue protect`, `unprotect`, `protections`: organizations that stay."""

from typing import Any

import click

from service.client import ServiceClient
from service.screen import Column, say, show_json, show_list


@click.command()
@click.argument("org_id")
@click.option("--reason", required=True, help="Why; kept with the protection.")
def protect(org_id: str, reason: str) -> None:
    """Protect an organization from deletion until an admin ends that."""
    with ServiceClient.from_environment() as service:
        held = service.call("POST", "/v1/protections", {"org_id": org_id, "reason": reason})
    say(f"{held['org_id']} is protected by {held['by'] or held['how']} since {held['at']}")


@click.command()
@click.argument("org_id")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
def unprotect(org_id: str, reason: str) -> None:
    """End a protection (role admin). A tag or the file that still says so protects it again."""
    with ServiceClient.from_environment() as service:
        ended = service.call("DELETE", f"/v1/protections/{org_id}", {"reason": reason})
    say(f"{ended['org_id']} is no longer protected")
    for warning in ended["warnings"]:
        say(warning, err=True)


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
        show_json(listed)
        return
    if not listed:
        say("No organization is protected.")
        return
    columns = (
        Column("organization", "keep"), Column("by"), Column("how"), Column("reason"),
        Column("since", "spare"),
    )  # fmt: skip
    fields = ("org_id", "by", "how", "reason", "at")
    show_list(columns, [[each[name] for name in fields] for each in listed])
