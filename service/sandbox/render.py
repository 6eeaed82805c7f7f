"""JSON:API resources, and the forms in which IT Glue may put ids."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from service.sandbox.shapes import JSON, Export, Organization, Record
from service.sandbox.world import LONG_ID_OFFSET, World

_QUICK_NOTES_IN_LISTS = 250

# form → (parent-id, ancestor-ids) of an organization whose ancestors are given, root first.
_PARENT_FORMS: Mapping[str, Callable[[list[int]], tuple[object, object]]] = {
    "stringified": lambda above: (str(above[-1]), f"[{','.join(map(str, above))}]"),
    "null": lambda above: (None, f"[{','.join(map(str, above))}]"),
    "number": lambda above: (above[-1], above[-1]),
    "string": lambda above: (str(above[-1]), str(above[-1])),
    "array": lambda above: (above[-1], above),
    "strings": lambda above: (str(above[-1]), [str(each) for each in above]),
}


def organization_resource(
    world: World, each: Organization, *, parent_form: str = "stringified", listed: bool = False
) -> JSON:
    """An organization as lists and single reads show it."""
    above = world.ancestors(each)
    parent, ancestors = _PARENT_FORMS[parent_form](above) if above else (None, None)
    notes = each.quick_notes
    return {
        "id": str(each.id),
        "type": "organizations",
        "attributes": {
            "name": each.name,
            "alert": each.alert,
            "description": each.description,
            "organization-type-id": each.type_id,
            "organization-type-name": _named(world.types, each.type_id),
            "organization-status-id": each.status_id,
            "organization-status-name": _named(world.statuses, each.status_id),
            "my-glue-account-id": each.my_glue_account_id,
            "my-glue-account-status": None if each.my_glue_account_id is None else "active",
            "primary": each.primary,
            "logo": "",
            "quick-notes": notes[:_QUICK_NOTES_IN_LISTS] if notes and listed else notes,
            "short-name": each.short_name,
            "created-at": each.created_at,
            "updated-at": each.updated_at,
            "parent-id": parent,
            "ancestor-ids": ancestors,
        },
        "relationships": {},
    }


def _named(names: Mapping[int, str], key: int | None) -> str | None:
    return None if key is None else names.get(key)


def adapters_resource(each: Organization) -> JSON | None:
    """The PSA link of an organization: only `remote-id` is known to be in it."""
    if each.psa is None:
        return None
    return {
        "id": str(700_000 + each.id),
        "type": "adapters-resources",
        "attributes": {"remote-id": each.psa.company_id},
    }


def record_resource(world: World, record: Record, base_url: str) -> JSON:
    """Anything that an organization owns."""
    owner = world.organizations.get(record.organization_id)
    attributes: JSON = {"organization-id": record.organization_id}
    if record.kind not in {"user-metrics", "logs"}:
        attributes["organization-name"] = owner.name if owner else None
        attributes["resource-url"] = (
            f"{base_url}/{record.organization_id}/{record.kind.replace('-', '_')}/{record.id}"
        )
    attributes |= record.attributes
    if record.kind == "configurations":
        attributes["organization-short-name"] = owner.short_name if owner else None
    resource = {"id": str(record.id), "type": record.kind, "attributes": attributes}
    return resource if record.kind in {"user-metrics", "logs"} else resource | {"relationships": {}}


def attachment_resource(record: Record) -> JSON:
    """An attachment, which is seen only through `include`."""
    return {"id": str(record.id), "type": "attachments", "attributes": record.attributes}


def named_resource(kind: str, key: int, attributes: JSON) -> JSON:
    """A status, a type, a group: the account's own vocabulary."""
    times = {"created-at": "2016-09-14T17:02:44.000Z", "updated-at": "2016-09-14T17:02:44.000Z"}
    return {"id": str(key), "type": kind, "attributes": {**attributes, **times}}


def export_resource(export: Export, download_url: str | None) -> JSON:
    """An export. `download_url` is `None` until the file is ready."""
    return {
        "id": str(export.id),
        "type": "exports",
        "attributes": {
            "organization-id": export.organization_id,
            "organization-name": export.organization_name,
            "include-logs": export.include_logs,
            "export-all": export.organization_id is None,
            "encrypted-status": export.encrypted,
            "download-url": download_url,
            "created-at": export.created_at,
            "updated-at": export.ready_at if download_url else export.created_at,
        },
    }


def swapped_ids(node: Any) -> Any:  # noqa: ANN401 - walks any JSON
    """The document with numbers for string ids and strings for numeric foreign keys."""
    if isinstance(node, list):
        return [swapped_ids(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {key: _swapped(key, value) for key, value in node.items()}


def _swapped(key: str, value: Any) -> Any:  # noqa: ANN401 - walks any JSON
    if key == "id" or key.endswith("-id"):
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return int(value) if isinstance(value, str) and value.isdecimal() else value
    return swapped_ids(value)


def long_ids(node: Any) -> Any:  # noqa: ANN401 - walks any JSON
    """The document with 16 digits in the id of every organization."""
    if isinstance(node, list):
        return [long_ids(each) for each in node]
    if not isinstance(node, dict):
        return node
    organization = node.get("type") == "organizations"
    folder = node.get("type") == "document-folders"
    result = {key: long_ids(value) for key, value in node.items()}
    if organization:
        result["id"] = _longer(node["id"])
    attributes = node.get("attributes")
    if isinstance(attributes, dict):
        keys = {"organization-id"} if folder else {"organization-id", "parent-id", "ancestor-ids"}
        result["attributes"] = {
            key: _longer(value) if key in keys else value for key, value in attributes.items()
        }
    return result


def _longer(value: Any) -> Any:  # noqa: ANN401 - an id in any of its forms
    if isinstance(value, list):
        return [_longer(each) for each in value]
    if isinstance(value, int):
        return value if value >= LONG_ID_OFFSET else value + LONG_ID_OFFSET
    if isinstance(value, str):
        return re.sub(r"[0-9]+", lambda match: str(_longer(int(match[0]))), value)
    return value
