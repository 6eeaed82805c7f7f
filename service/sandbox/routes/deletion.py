"""`DELETE /organizations`: the only way to delete an organization.

It marks organizations for deletion and answers with them; they stay visible until they are
removed. Source: https://api.itglue.com/developer, organizations, bulk destroy.
"""

from typing import NamedTuple

from starlette.responses import Response

from service.sandbox.answers import Refusal, document, not_found, unprocessable
from service.sandbox.journal import Call
from service.sandbox.query import parse_query
from service.sandbox.render import organization_resource
from service.sandbox.routes.asked import payload
from service.sandbox.routes.organizations import another
from service.sandbox.selection import select_organizations
from service.sandbox.shapes import Organization, Recreation
from service.sandbox.state import Sandbox


class _Chosen(NamedTuple):
    organizations: list[Organization]
    how: str


def delete_organizations(sandbox: Sandbox, call: Call) -> Response:
    """Mark what the body lists, or, dreadfully, whatever the filters do not exclude."""
    chosen = _chosen(sandbox, call)
    synced = [each for each in chosen.organizations if each.psa and each.psa.synced]
    if synced and call.fault("refuse-synced"):
        raise unprocessable("Organization is externally synced and cannot be deleted", "id")
    if call.fault("accept-and-do-nothing"):
        call.entry.effect = f"did nothing ({chosen.how})"
    else:
        _mark(sandbox, call, chosen)
    answered = chosen.organizations
    if call.fault("wrong-organization"):
        answered = another(sandbox, answered)
    return document(
        call, {"data": [organization_resource(sandbox.world, each) for each in answered]}
    )


def _chosen(sandbox: Sandbox, call: Call) -> _Chosen:
    filtered = any(name.startswith("filter") for name, _ in call.pairs())
    if filtered and call.body:
        raise Refusal(400, "Bad Request", detail="data cannot be used in combination with filter")
    if filtered:
        filters = parse_query(call.pairs()).filters
        return _Chosen(select_organizations(sandbox.world, filters), "by filter")
    data = payload(call)
    if not isinstance(data, list) or not data:
        raise Refusal(400, "Bad Request", detail="data is not an array", pointer="/data")
    return _Chosen([_listed(sandbox, each) for each in data], "by id")


def _listed(sandbox: Sandbox, item: object) -> Organization:
    attributes = item.get("attributes") if isinstance(item, dict) else None
    kind = item.get("type") if isinstance(item, dict) else None
    if kind != "organizations" or not isinstance(attributes, dict):
        raise Refusal(400, "Bad Request", detail="type or attributes are wrong", pointer="/data")
    number = attributes.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise unprocessable("must be a number", "id")
    organization = sandbox.world.organization(number)
    if organization is None:
        raise not_found()
    return organization


def _mark(sandbox: Sandbox, call: Call, chosen: _Chosen) -> None:
    lag = call.fault("lag")
    seconds = lag.number() if lag else sandbox.settings.removal_seconds
    for each in chosen.organizations:
        if each.removal_due is None:
            each.removal_due = sandbox.seconds() + seconds
            again = call.fault("recreate-after-sync") if each.psa and each.psa.synced else None
            if again:
                due = each.removal_due + again.number()
                sandbox.world.recreations.append(Recreation(due, each))
    ids = ", ".join(str(each.id) for each in chosen.organizations)
    call.entry.effect = f"marked {ids} ({chosen.how})"
    # A removal without delay is one that the very next request sees.
    sandbox.settle()
