"""Which organizations lie below another, among all of them: IT Glue has no filter. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from workers.itglue.http.decode import (
    Included,
    Resource,
    attribute,
    ids_in,
    is_primary,
    own_id,
    stated,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stands; `stated`: the answer said so. `primary`: it is the account's own."""

    id: str
    above: frozenset[str]
    stated: bool
    primary: bool = False


def place(resource: Resource, _: Included) -> Place:
    """The place of one organization, by its parent and its ancestors."""
    attributes = resource.attributes
    names = ("parent-id", "ancestor-ids")
    above = frozenset(found for name in names for found in ids_in(attribute(attributes, name)))
    known = any(stated(attributes, name) for name in names)
    return Place(own_id(resource), above, known, is_primary(attributes))


def below(org_id: str, places: Iterable[Place]) -> tuple[str, ...] | None:
    """Ids of all organizations below, at any depth; `None` if no answer states any place.

    Nor is anything known from a list that lacks the organization itself: others may be hidden, too.
    An organization may name itself among its ancestors, as the vendor's example does.
    """
    places = tuple(places)
    if not any(item.stated for item in places) or org_id not in {item.id for item in places}:
        return None
    found = {org_id}
    while more := {item.id for item in places if item.above & found} - found:
        found |= more
    return tuple(sorted(found - {org_id}, key=int))
