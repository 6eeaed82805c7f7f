"""From JSON:API to values. Pure, and tolerant where IT Glue's types are known to vary.

Resource ids are strings and foreign keys numbers; `parent-id` and `ancestor-ids` are documented as
`"1"` and the string `"[1,6]"`; keys are kebab-case, and snake_case is accepted as well.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from adapters.errors import InvalidIdentifier
from workers.itglue.http.failures import CallFailed, WrongExport
from workers.itglue.http.replies import Payload
from workers.itglue.models import Export, Organization

Attributes = Mapping[str, object]
Included = Mapping[tuple[str, str], Attributes]

T = TypeVar("T")

_ID = re.compile(r"[1-9][0-9]{0,18}")
_NO = frozenset({"", "0", "f", "false", "no"})


@dataclass(frozen=True, slots=True)
class Resource:
    """One object of `data`; `id` is what the answer says, as text."""

    id: str
    type: str
    attributes: Attributes = field(default_factory=dict)
    relationships: Attributes = field(default_factory=dict)


def checked_id(value: str, what: str = "organization id") -> str:
    """An id that may stand in a path or a body. Raises InvalidIdentifier."""
    if not _ID.fullmatch(value):
        raise InvalidIdentifier(f"{value!r} is not an IT Glue {what}")
    return value


def one_value(text: str) -> str:
    r"""A filter value that is one value: IT Glue reads a comma as "or", unless it is `\,`."""
    return text.replace(",", r"\,")


def ids_in(value: object) -> tuple[str, ...]:
    """Every id in a value: null, number, string, array, or an array written as a string.

    An unknown form yields every number in it: an organization wrongly believed to have a parent
    blocks a deletion, one wrongly believed to have none does not.
    """
    if value is None or isinstance(value, bool):
        return ()
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return tuple(found for item in value for found in ids_in(item))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return tuple(digits for digits in re.findall(r"\d+", str(value)) if _ID.fullmatch(digits))


def text_id(value: object) -> str | None:
    """The id that a value is, as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return text if _ID.fullmatch(text) else None


def whole(value: object) -> int | None:
    """A count: a number that is whole and not negative, or its digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def attribute(attributes: Attributes, name: str) -> object:
    """An attribute by its kebab-case name, in either style."""
    return attributes.get(name, attributes.get(name.replace("-", "_")))


def stated(attributes: Attributes, name: str) -> bool:
    """Whether the attribute is there at all, be it null."""
    return name in attributes or name.replace("-", "_") in attributes


def _text(attributes: Attributes, name: str) -> str | None:
    value = attribute(attributes, name)
    return None if value is None or value == "" else str(value)


def _number(attributes: Attributes, name: str) -> str | None:
    value = attribute(attributes, name)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _text(attributes, name)


def _mapping(value: object) -> Attributes:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterator[Attributes]:
    items = value if isinstance(value, list) else () if value is None else (value,)
    for item in items:
        if not isinstance(item, Mapping):
            raise CallFailed("IT Glue's answer is not JSON:API: an object is missing")
        yield item


def resources(payload: Payload) -> tuple[Resource, ...]:
    """The resources of an answer; a single one is a list of one."""
    return tuple(
        Resource(
            str(item.get("id") or "").strip(),
            str(item.get("type") or ""),
            _mapping(item.get("attributes")),
            _mapping(item.get("relationships")),
        )
        for item in _objects(payload.get("data"))
    )


def only_resource(payload: Payload, what: str) -> Resource:
    """The one resource of an answer."""
    found = resources(payload)
    if len(found) != 1:
        raise CallFailed(f"IT Glue's answer for {what} holds {len(found)} resources, not one")
    return found[0]


def own_id(resource: Resource) -> str:
    """The resource's id, where it matters that it is one."""
    identifier = text_id(resource.id)
    if identifier is None:
        raise CallFailed(
            f"IT Glue's answer is not understood: {resource.type} without a numeric id"
        )
    return identifier


def included(payload: Payload) -> Included:
    """What came along with `include`, by type and id."""
    found = {}
    for item in _objects(payload.get("included")):
        found[_reference(item)] = _mapping(item.get("attributes"))
    return found


def decoded(payload: Payload, decode: Callable[[Resource, Included], T]) -> list[T]:
    """The resources of an answer, each decoded with what came along."""
    alongside = included(payload)
    return [decode(resource, alongside) for resource in resources(payload)]


def _reference(item: Attributes) -> tuple[str, str]:
    return str(item.get("type", "")), str(item.get("id", ""))


def total_count(payload: Payload) -> int | None:
    """`meta.total-count`: how many there are on all pages."""
    return whole(attribute(_mapping(payload.get("meta")), "total-count"))


def next_page(payload: Payload, number: int) -> bool | None:
    """Whether a page follows the one of this number, as the answer says; `None` if it does not."""
    meta = _mapping(payload.get("meta"))
    said = attribute(meta, "next-page")
    if said is None:
        return False if stated(meta, "next-page") else None
    following = whole(said)
    return None if following is None else following > number


def _related(resource: Resource, name: str) -> tuple[tuple[str, str], ...] | None:
    relationship = attribute(resource.relationships, name)
    if not isinstance(relationship, Mapping) or "data" not in relationship:
        return None
    return tuple(_reference(item) for item in _objects(relationship["data"]))


# No documentation names the attribute in which a link names its integration.
_INTEGRATION_STATED = ("adapter-type", "integration-type", "psa-integration-type", "adapter-name")
# A word in it, and the integration of `filter[psa_integration_type]` that it means.
_INTEGRATIONS = {
    "connectwise": "manage",
    "manage": "manage",
    "autotask": "autotask",
    "tigerpaw": "tigerpaw",
    "bms": "kaseya-bms",
    "pulseway": "pulseway-psa",
    "vorex": "vorex",
}


def _psa_links(resource: Resource, alongside: Included) -> tuple[tuple[str, str], ...] | None:
    """The `remote-id` of every link, each with its integration as far as that is stated."""
    references = _related(resource, "adapters-resources")
    if references is None:
        return None
    links = []
    for reference in references:
        attributes = alongside.get(reference, {})
        remote_id = _number(attributes, "remote-id")
        # A link whose remote id did not come along is a link, so "not linked" would be untrue.
        if remote_id is None:
            return None
        links.append((remote_id, _integration(attributes)))
    return tuple(links)


def _integration(attributes: Mapping[str, Any]) -> str:
    for name in _INTEGRATION_STATED:
        stated_as = (_text(attributes, name) or "").casefold()
        for word, integration in _INTEGRATIONS.items():
            if word in stated_as:
                return integration
    return ""


def is_primary(attributes: Mapping[str, object]) -> bool:
    """Whether it is the account's own organization; an odd value counts as yes."""
    primary = attribute(attributes, "primary")
    return primary.casefold() not in _NO if isinstance(primary, str) else bool(primary)


# By which a person may have protected it, beside its name.
_MAY_PROTECT = ("organization-type-name", "quick-notes", "alert", "description")


def organization(resource: Resource, alongside: Included) -> Organization:
    """One organization.

    `primary` and `my-glue-account-id` forbid a deletion, so an odd value of either counts as set.
    Raises CallFailed: it has no id or no name.
    """
    identifier, attributes = own_id(resource), resource.attributes
    name = attribute(attributes, "name")
    if not isinstance(name, str):
        raise CallFailed(f"IT Glue's answer does not name organization {identifier}")
    parents = ids_in(attribute(attributes, "parent-id"))
    attachments = _related(resource, "attachments")
    links = _psa_links(resource, alongside)
    return Organization(
        id=identifier,
        name=name,
        status=_text(attributes, "organization-status-name"),
        type=_text(attributes, "organization-type-name"),
        primary=is_primary(attributes),
        parent_id=parents[0] if parents else None,
        ancestor_ids=ids_in(attribute(attributes, "ancestor-ids")),
        my_glue_account_id=_text(attributes, "my-glue-account-id"),
        created_at=_text(attributes, "created-at"),
        updated_at=_text(attributes, "updated-at"),
        short_name=_text(attributes, "short-name"),
        alert=_text(attributes, "alert"),
        quick_notes=_text(attributes, "quick-notes"),
        description=_text(attributes, "description"),
        psa_ids=None if links is None else tuple(remote_id for remote_id, _ in links),
        psa_types=tuple(integration for _, integration in links or ()),
        attachments=None if attachments is None else len(attachments),
        unstated=tuple(each for each in _MAY_PROTECT if not stated(attributes, each)),
    )


def export(resource: Resource) -> Export:
    """One export. Raises WrongExport."""
    identifier, attributes = own_id(resource), resource.attributes
    organization_id = text_id(attribute(attributes, "organization-id"))
    if organization_id is None or attribute(attributes, "export-all"):
        raise WrongExport(
            f"export {identifier} is not of one organization; delete it in IT Glue if Unglue "
            "asked for it: it may hold the whole account"
        )
    return Export(
        id=identifier,
        organization_id=organization_id,
        encrypted=attribute(attributes, "encrypted-status") is True,
        download_url=_text(attributes, "download-url"),
        created_at=_text(attributes, "created-at"),
    )
