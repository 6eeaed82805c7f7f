"""Counting flexible assets: IT Glue lists them one type at a time, so each type is a request.

Without the type filter it answers 422 (https://github.com/b-loyola/itglue-py/issues/11). This
route documents its filters in kebab-case, unlike all others.
"""

from workers.itglue.contents.counting import ONE, Count, added, count
from workers.itglue.contents.together import together
from workers.itglue.http.decode import Included, Resource, own_id
from workers.itglue.http.failures import RequestRefused, ResourceMissing
from workers.itglue.http.paging import every
from workers.itglue.http.transport import Transport
from workers.ledger.installation.asset_types import RememberedTypes


async def count_assets(transport: Transport, org_id: str, cache: RememberedTypes | None) -> Count:
    """The flexible assets of an organization, of all types.

    A type that IT Glue no longer knows means that what was remembered is old: the types are read
    again, once.
    """
    if cache is not None and cache.ids is not None:
        try:
            return await _of_types(transport, org_id, cache.ids)
        except (RequestRefused, ResourceMissing):
            cache.learn(None)
    types = await _types(transport)
    found = await _of_types(transport, org_id, types)
    if cache is not None:
        cache.learn(types)
    return found


async def _types(transport: Transport) -> tuple[str, ...]:
    def decode(row: Resource, _: Included) -> str:
        return own_id(row)

    what = "flexible asset types"
    return tuple(await every(transport, "/flexible_asset_types", (), decode, what=what))


async def _of_types(transport: Transport, org_id: str, types: tuple[str, ...]) -> Count:
    if not types:
        # An account has some from the start; whoever sees none may not see what is of them.
        return Count(None, "IT Glue lists no flexible asset types")
    return added(*await together(*(_of_type(transport, org_id, type_id) for type_id in types)))


async def _of_type(transport: Transport, org_id: str, type_id: str) -> Count:
    query = (("filter[flexible-asset-type-id]", type_id), ("filter[organization-id]", org_id), ONE)
    payload = await transport.read(
        "/flexible_assets", query, what=f"flexible assets of type {type_id}"
    )
    return count(payload, {"organization-id": org_id, "flexible-asset-type-id": type_id})
