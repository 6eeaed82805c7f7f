"""What a request asks for, as every area reads it."""

import json

from service.sandbox.answers import Refusal, not_found
from service.sandbox.journal import Call
from service.sandbox.query import Query
from service.sandbox.selection import Filters
from service.sandbox.shapes import JSON, Organization
from service.sandbox.state import Sandbox


def honoured_filters(call: Call, query: Query) -> Filters:
    """The filters of a list, unless a fault ignores them."""
    return {} if query.filters and call.fault("ignore-filters") else query.filters


def find(sandbox: Sandbox, call: Call) -> Organization:
    """The organization that the path names. Raises Refusal: 404."""
    organization = sandbox.world.organization(call.params["id"])
    if organization is None or hidden(call, organization.id):
        raise not_found()
    return organization


def hidden(call: Call, organization_id: int) -> bool:
    """Whether a fault takes the key's right to the organization away."""
    active = call.faults.active.get("hide")
    if active is None or str(organization_id) not in str(active.value).split(","):
        return False
    return call.fault("hide") is not None


def attributes_of(call: Call) -> JSON:
    """The attributes of a single-object payload, under their snake-case names. Raises Refusal."""
    data = payload(call)
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(attributes, dict):
        raise Refusal(400, "Bad Request", detail="data.attributes is missing", pointer="/data")
    return {str(name).replace("-", "_"): value for name, value in attributes.items()}


def payload(call: Call) -> object:
    """The `data` of the body. Raises Refusal: 400."""
    try:
        content = json.loads(call.body)
    except ValueError:
        raise Refusal(400, "Bad Request", detail="The body is not JSON") from None
    if not isinstance(content, dict) or "data" not in content:
        raise Refusal(400, "Bad Request", detail="data is missing", pointer="/data")
    return content["data"]
