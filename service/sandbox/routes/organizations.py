"""Reading and changing organizations."""

from operator import attrgetter

from starlette.responses import Response

from service.sandbox.answers import document, page, unprocessable
from service.sandbox.journal import Call
from service.sandbox.query import Query, parse_query
from service.sandbox.render import adapters_resource, attachment_resource, organization_resource
from service.sandbox.routes.asked import attributes_of, find, hidden, honoured_filters
from service.sandbox.selection import select_organizations
from service.sandbox.shapes import JSON, Organization
from service.sandbox.state import Sandbox
from service.sandbox.world import timestamp

_SORTABLE = frozenset({"id", "name", "created_at", "updated_at"})
# What may be written to an organization that a PSA owns.
_WRITABLE_WHEN_SYNCED = frozenset({"alert", "description", "quick_notes"})
_TEXTS = frozenset({"name", "short_name", *_WRITABLE_WHEN_SYNCED})


def another(sandbox: Sandbox, than: list[Organization]) -> list[Organization]:
    """An organization that was not asked for, if there is one: the next one by id."""
    ids = [each.id for each in than]
    others = sorted(key for key in sandbox.world.organizations if key not in ids)
    after = [key for key in others if ids and key > ids[0]]
    return [sandbox.world.organizations[key] for key in (after or others)[:1]]


def organization_document(
    sandbox: Sandbox, each: Organization, query: Query, form: str, *, listed: bool
) -> JSON:
    """One organization with the relationships that `include` asks for."""
    resource = organization_resource(sandbox.world, each, parent_form=form, listed=listed)
    for name in ("adapters-resources", "attachments"):
        if name.replace("-", "_") in query.include:
            found = [it for it in _included(sandbox, each, query) if it["type"] == name]
            links = [{"id": it["id"], "type": it["type"]} for it in found]
            resource["relationships"][name] = {"data": links}
    return resource


def parent_form(call: Call, shown: list[Organization]) -> str:
    """The form of `parent-id` in this answer."""
    below = any(each.parent_id is not None for each in shown)
    fault = call.fault("parent-id") if below else None
    return str(fault.value) if fault else "stringified"


def _included(sandbox: Sandbox, each: Organization, query: Query) -> list[JSON]:
    found: list[JSON] = []
    link = adapters_resource(each) if "adapters_resources" in query.include else None
    if link is not None:
        found.append(link)
    if "attachments" in query.include:
        records = sandbox.world.owned("attachments", [each.id])
        found += [attachment_resource(record) for record in records]
    return found


def list_organizations(sandbox: Sandbox, call: Call) -> Response:
    """`GET /organizations`."""
    query = parse_query(call.pairs())
    chosen = select_organizations(sandbox.world, honoured_filters(call, query))
    chosen = [each for each in chosen if not hidden(call, each.id)]
    if query.filters and call.fault("wrong-organization"):
        chosen = another(sandbox, chosen)
    for field in reversed(query.sort):
        name = field.removeprefix("-")
        if name in _SORTABLE:
            chosen.sort(key=attrgetter(name), reverse=name != field)
    form = parent_form(call, chosen)
    return page(
        call,
        query,
        chosen,
        lambda each: organization_document(sandbox, each, query, form, listed=True),
        lambda each: _included(sandbox, each, query),
    )


def show_organization(sandbox: Sandbox, call: Call) -> Response:
    """`GET /organizations/:id`."""
    asked = find(sandbox, call)
    query = parse_query(call.pairs())
    wrong = another(sandbox, [asked]) if call.fault("wrong-organization") else []
    each = wrong[0] if wrong else asked
    form = parent_form(call, [each])
    data = organization_document(sandbox, each, query, form, listed=False)
    included = _included(sandbox, each, query)
    response = document(call, {"data": data, "included": included} if included else {"data": data})
    _change_behind(sandbox, call, asked)
    return response


def _change_behind(sandbox: Sandbox, call: Call, each: Organization) -> None:
    """Let the world move on once the organization has been read often enough."""
    reads = sandbox.reads[each.id] = sandbox.reads.get(each.id, 0) + 1
    for name in ("rename-before-delete", "recreate-before-delete"):
        fault = sandbox.faults.active.get(name)
        if fault is None or reads != fault.number() or not call.fault(name):
            continue
        if name == "rename-before-delete":
            each.name += " (renamed)"
            each.updated_at = timestamp(sandbox.moment())
        else:
            sandbox.world.recreate(each, sandbox.moment())


def update_organization(sandbox: Sandbox, call: Call) -> Response:
    """`PATCH /organizations/:id`: of a synced organization only three texts may be written."""
    each = find(sandbox, call)
    attributes = attributes_of(call)
    refused = sorted(attributes.keys() - _WRITABLE_WHEN_SYNCED)
    if refused and each.psa and each.psa.synced:
        raise unprocessable("Organization is externally synced", refused[0])
    changes: JSON = {}
    for name, value in attributes.items():
        changes |= _change(sandbox, name, value)
    for name, value in changes.items():
        setattr(each, name, value)
    each.updated_at = timestamp(sandbox.moment())
    call.entry.effect = f"changed {each.id}: {', '.join(sorted(changes)) or 'nothing'}"
    form = parent_form(call, [each])
    return document(call, {"data": organization_resource(sandbox.world, each, parent_form=form)})


def _change(sandbox: Sandbox, name: str, value: object) -> JSON:
    if name in _TEXTS:
        if not isinstance(value, str) and (value is not None or name == "name"):
            raise unprocessable("is invalid", name)
        return {name: value}
    vocabularies = {
        "organization_status_id": ("status_id", sandbox.world.statuses),
        "organization_type_id": ("type_id", sandbox.world.types),
    }
    if name not in vocabularies:
        return {}
    attribute, known = vocabularies[name]
    key = int(value) if isinstance(value, str) and value.isdecimal() else value
    if key is not None and (not isinstance(key, int) or key not in known):
        raise unprocessable("must exist", name)
    return {attribute: key}
