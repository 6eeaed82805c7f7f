"""The account's own words: statuses, types, groups, flexible asset types."""

from collections.abc import Callable, Mapping

from starlette.responses import Response

from service.sandbox.answers import document, not_found, page
from service.sandbox.journal import Call
from service.sandbox.query import alternatives, parse_query
from service.sandbox.render import named_resource
from service.sandbox.routes.asked import honoured_filters
from service.sandbox.shapes import JSON
from service.sandbox.state import Sandbox


def _vocabulary(sandbox: Sandbox, kind: str) -> Mapping[int, JSON]:
    world = sandbox.world
    if kind == "organization-statuses":
        return {
            key: {"name": name, "synced": name in {"Active", "Inactive"}}
            for key, name in world.statuses.items()
        }
    names = {
        "organization-types": world.types,
        "groups": world.groups,
        "flexible-asset-types": world.flexible_asset_types,
    }[kind]
    more = (
        {"description": None, "icon": "file", "show-in-menu": True, "enabled": True}
        if kind == "flexible-asset-types"
        else {}
    )
    return {key: {"name": name, **more} for key, name in names.items()}


def list_vocabulary(kind: str) -> Callable[[Sandbox, Call], Response]:
    """`GET` of a vocabulary: statuses, types, groups, flexible asset types."""

    def answer(sandbox: Sandbox, call: Call) -> Response:
        query = parse_query(call.pairs())
        filters = honoured_filters(call, query)
        entries = list(_vocabulary(sandbox, kind).items())
        if ("id",) in filters:
            ids = alternatives(filters["id",])
            entries = [each for each in entries if str(each[0]) in ids]
        if ("name",) in filters:
            names = alternatives(filters["name",])
            entries = [each for each in entries if each[1]["name"] in names]
        return page(call, query, entries, lambda each: named_resource(kind, each[0], each[1]))

    return answer


def show_vocabulary(kind: str) -> Callable[[Sandbox, Call], Response]:
    """`GET` of one entry of a vocabulary."""

    def answer(sandbox: Sandbox, call: Call) -> Response:
        key = str(call.params["id"])
        entries = {str(number): it for number, it in _vocabulary(sandbox, kind).items()}
        if key not in entries:
            raise not_found()
        return document(call, {"data": named_resource(kind, int(key), entries[key])})

    return answer
