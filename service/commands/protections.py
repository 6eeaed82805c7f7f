"""`unglue protect`, `unprotect`, `protections`: organizations that stay."""

from operator import itemgetter
from typing import Any

import click

from service.terminal.client import ServiceClient, ServiceError, ask
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, say, show_done, show_found


@click.command()
@click.argument("org_id")
@click.option("--reason", required=True, help="Why; kept with the protection.")
@AS_JSON
def protect(org_id: str, reason: str, *, as_json: bool) -> None:
    """Protect an organization from deletion until an admin ends that.

    Its name is looked up in IT Glue and shown: a mistyped id protects nothing that is there.

    Exit status: 0 protected, 1 protected, but IT Glue shows no such organization, 2 usage.
    """
    with ServiceClient.from_environment() as service:
        held = service.call("POST", "/v1/protections", {"org_id": org_id, "reason": reason})
        name, doubt = _name_of(service, held["org_id"])
    shown = f"{held['org_id']} {name or ''}".rstrip()
    words = f"{shown} is protected by {held['by'] or held['how']} since {held['at']}"
    show_done({**held, "org_name": name}, words, as_json=as_json)
    if doubt is not None:
        code = doubt.code_of_service or doubt.code
        say(f"! {code}: {doubt.message}; check the id", err=True)
        if doubt.code_of_service == "OrganizationNotFound":
            raise SystemExit(1)


def _name_of(service: ServiceClient, org_id: str) -> tuple[str | None, ServiceError | None]:
    """What IT Glue calls it, or why that is not known: the protection stands in any case."""
    try:
        found = service.call("GET", f"/v1/organizations/{org_id}")
    except ServiceError as error:
        return None, error
    name: str = found["org_name"]
    return name, None


@click.command()
@click.argument("org_id")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
@AS_JSON
def unprotect(org_id: str, reason: str, *, as_json: bool) -> None:
    """End a protection (role admin). A tag or the file that still says so protects it again."""
    ended = ask("DELETE", f"/v1/protections/{org_id}", {"reason": reason})
    show_done(ended, f"{ended['org_id']} is no longer protected", as_json=as_json)
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
@AS_JSON
def protections(*, as_json: bool) -> None:
    """List the protected organizations, and those whose deletion a person stopped."""
    answer = ask("GET", "/v1/protections")
    listed = [*answer["protections"], *map(_declined, answer["declined"])]
    columns = (
        Column("organization", "keep"), Column("by"), Column("how"), Column("reason"),
        Column("since", "spare"),
    )  # fmt: skip
    row = itemgetter("org_id", "by", "how", "reason", "at")
    none = "No organization is protected."
    show_found(listed, listed, columns, row, none=none, as_json=as_json)
