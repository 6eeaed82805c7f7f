"""The account's own words: statuses, types, flexible asset types."""

from collections.abc import Callable

from starlette.responses import Response

from service.sandbox.answers import page
from service.sandbox.journal import Call
from service.sandbox.query import parse_query
from service.sandbox.render import named_resource
from service.sandbox.shapes import JSON
from service.sandbox.state import Sandbox
from service.sandbox.world import World


def _vocabulary(world: World, kind: str) -> list[JSON]:
    match kind:
        case "organization-statuses":
            named = {
                key: {"name": name, "synced": name in {"Active", "Inactive"}}
                for key, name in world.statuses.items()
            }
        case "organization-types":
            named = {key: {"name": name} for key, name in world.types.items()}
        case _:
            more = {"description": None, "icon": "file", "show-in-menu": True, "enabled": True}
            types = world.flexible_asset_types.items()
            named = {key: {"name": name, **more} for key, name in types}
    return [named_resource(kind, key, attributes) for key, attributes in named.items()]


def list_vocabulary(kind: str) -> Callable[[Sandbox, Call], Response]:
    """`GET` of a vocabulary: statuses, types, flexible asset types."""

    def answer(sandbox: Sandbox, call: Call) -> Response:
        entries = _vocabulary(sandbox.world, kind)
        return page(call, parse_query(call.pairs()), entries, lambda each: each)

    return answer
