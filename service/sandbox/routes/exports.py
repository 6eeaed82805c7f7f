"""Exports: asked for, built later, downloaded from an unguessable address."""

import csv
import hashlib
import io
import json
import re
import zipfile
from datetime import timedelta

from starlette.responses import Response

from service.sandbox.answers import document, not_found, page_not_found, unprocessable
from service.sandbox.journal import Call
from service.sandbox.render import export_resource, organization_resource
from service.sandbox.routes.asked import attributes_of
from service.sandbox.shapes import JSON, Export
from service.sandbox.state import Sandbox
from service.sandbox.world import World, timestamp

_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip of the same account is the same bytes
_TABLES = (
    "configurations",
    "contacts",
    "locations",
    "passwords",
    "domains",
    "checklists",
    "flexible-assets",
)


def create_export(sandbox: Sandbox, call: Call) -> Response:
    """`POST /exports`. Without an organization id it is the whole account.

    `zip-password` is taken, and answered as `encrypted-status`; the sandbox's file itself is not
    encrypted. A POST's status is not documented: 201, as other clients assume.
    """
    attributes = attributes_of(call)
    given = attributes.get("organization_id")
    organization = None
    if given is not None:
        organization = sandbox.world.organization(given) if isinstance(given, int | str) else None
        if organization is None:
            raise unprocessable("Valid organization_id is required", "organization_id")
    include_logs = attributes.get("include_logs") is True
    delay, moment = sandbox.settings.export_seconds, sandbox.moment()
    export = Export(
        id=next(sandbox.world.export_ids),
        organization_id=organization.id if organization else None,
        organization_name=organization.name if organization else None,
        include_logs=include_logs,
        encrypted=bool(attributes.get("zip_password")),
        content=_zip(
            sandbox.world,
            [organization.id] if organization else sorted(sandbox.world.organizations),
            include_logs=include_logs,
        ),
        created_at=timestamp(moment),
        ready_at=timestamp(moment + timedelta(seconds=delay)),
        ready_due=sandbox.seconds() + delay,
    )
    sandbox.world.exports[export.id] = export
    call.entry.effect = f"export {export.id} of {export.organization_id or 'the whole account'}"
    return document(call, {"data": _resource(sandbox, call, export)}, 201)


def show_export(sandbox: Sandbox, call: Call) -> Response:
    """`GET /exports/:id`."""
    return document(call, {"data": _resource(sandbox, call, _find(sandbox, call))})


def delete_export(sandbox: Sandbox, call: Call) -> Response:
    """`DELETE /exports/:id`."""
    del sandbox.world.exports[_find(sandbox, call).id]
    return Response(status_code=204)


def download(sandbox: Sandbox, call: Call) -> Response:
    """The file. Its address is the permission; no key is needed or wanted."""
    export = sandbox.world.exports.get(int(call.params["id"]))
    if export is None or not _ready(sandbox, export) or call.params["token"] != _token(export):
        return page_not_found()
    fault = call.fault("bad-export")
    content = _spoilt(export.content, str(fault.value)) if fault else export.content
    return Response(content, media_type="application/zip")


def _spoilt(content: bytes, how: str) -> bytes:
    """The file as it must not pass: without a member, with a destroyed one, without the data."""
    if how == "member":
        spot = content.index(b"organizations.csv") + 40
        return content[:spot] + bytes([content[spot] ^ 0xFF]) + content[spot + 1 :]
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(buffer, "w") as spoilt:
        if how == "bare":
            spoilt.writestr("organizations.csv", whole.read("organizations.csv"))
    return buffer.getvalue()


def _find(sandbox: Sandbox, call: Call) -> Export:
    key = str(call.params["id"])
    found = [each for each in sandbox.world.exports.values() if str(each.id) == key]
    if not found:
        raise not_found()
    return found[0]


def _ready(sandbox: Sandbox, export: Export) -> bool:
    return export.ready_due <= sandbox.seconds()


def _token(export: Export) -> str:
    return hashlib.sha256(f"{export.id} {export.created_at}".encode()).hexdigest()[:24]


def _resource(sandbox: Sandbox, call: Call, export: Export) -> JSON:
    url = f"{call.base_url}/downloads/exports/{export.id}/{_token(export)}.zip"
    return export_resource(export, url if _ready(sandbox, export) else None)


def _zip(world: World, organization_ids: list[int], *, include_logs: bool) -> bytes:
    organizations = [world.organizations[each] for each in organization_ids]
    files = {
        "organizations.csv": _table(
            [
                {"id": each.id, **organization_resource(world, each)["attributes"]}
                for each in organizations
            ]
        )
    }
    for kind in _TABLES:
        rows: list[JSON] = [
            {"id": it.id, "organization-id": it.organization_id, **it.attributes}
            for it in world.owned(kind, organization_ids)
        ]
        if rows:
            files[f"{kind}.csv"] = _table(rows)
    for it in world.owned("documents", organization_ids):
        name = re.sub(r"[^A-Za-z0-9 ]", "_", it.attributes["name"])
        files[f"documents/DOC-{it.organization_id}-{it.id} {name}.html"] = it.attributes["content"]
    if include_logs:
        rows = [it.attributes for it in world.logs if it.organization_id in organization_ids]
        files["logs.csv"] = _table(rows)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text)
    return buffer.getvalue()


def _table(rows: list[JSON]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {key: json.dumps(it) if isinstance(it, dict | list) else it for key, it in row.items()}
        )
    return buffer.getvalue()
