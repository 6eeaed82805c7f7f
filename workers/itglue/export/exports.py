"""Exports: ask for one, look whether it is ready, download it.

An export without an organization id is one of the whole account, passwords included, so the id is
checked on the way out and on the way back.
"""

import asyncio
import contextlib
import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

from workers.itglue.export.archive import examine
from workers.itglue.http.decode import checked_id, export, only_resource
from workers.itglue.http.failures import CallFailed, ResourceMissing, WrongExport
from workers.itglue.http.replies import checked
from workers.itglue.http.transport import Transport
from workers.itglue.models import Downloaded, Export

_PATH = "/exports"


async def create(
    transport: Transport, org_id: str, *, include_logs: bool, zip_password: str | None
) -> Export:
    """Ask IT Glue to build an export of one organization. Raises InvalidIdentifier, WrongExport."""
    attributes: dict[str, object] = {
        "organization-id": int(checked_id(org_id)),
        "include-logs": include_logs,
    }
    if zip_password is not None:
        attributes["zip-password"] = zip_password
    body = {"data": {"type": "exports", "attributes": attributes}}
    what = f"an export of organization {org_id}"
    # Errors may echo what was submitted.
    hide = (zip_password,) if zip_password else ()
    reply = await transport.exchange("POST", _PATH, body=body, hide=hide)
    made = export(only_resource(checked(reply, what), what))
    if made.organization_id != org_id:
        raise WrongExport(
            f"IT Glue made export {made.id} of organization {made.organization_id} when asked for "
            f"{org_id}; delete it there"
        )
    return made


async def show(transport: Transport, export_id: str) -> Export | None:
    """The export as it is now, ready once it has a URL; `None` if there is no such one."""
    what = f"export {checked_id(export_id, 'export id')}"
    try:
        payload = await transport.read(f"{_PATH}/{export_id}", what=what)
    except ResourceMissing as missing:
        if missing.page:
            raise
        return None
    found = export(only_resource(payload, what))
    if found.id != export_id:
        raise CallFailed(f"IT Glue answered with export {found.id} when asked for {export_id}")
    return found


async def delete(transport: Transport, export_id: str) -> None:
    """Delete an export in IT Glue; one that is gone already is as good."""
    path = f"{_PATH}/{checked_id(export_id, 'export id')}"
    reply = await transport.exchange("DELETE", path)
    if reply.status not in {200, 204, 404}:
        checked(reply, f"the deletion of export {export_id}")


async def download(
    transport: Transport, ready: Export, path: Path, max_bytes: int, password: str | None = None
) -> Downloaded:
    """Store the file of a finished export under `path`, whole or not at all, mode 0600.

    Raises:
        CallFailed: not ready, expired, broken off, or not a whole zip file.
        ExportUnproved: a member of it cannot be read, or it is empty.
        AnswerTooLarge: larger than `max_bytes`.
        OSError: the disk.
    """
    if ready.download_url is None:
        raise CallFailed(f"export {ready.id} is not ready")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes files that only their owner can read.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temporary, digest, size = Path(name), hashlib.sha256(), 0
    with contextlib.ExitStack() as last:
        last.callback(temporary.unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:

            def write(chunk: bytes) -> None:
                nonlocal size
                size += file.write(chunk)
                digest.update(chunk)

            await transport.download(ready.download_url, write, max_bytes)
            file.flush()
            # Nothing, a login page or half a file would else pass for the only copy that is left.
            if not await asyncio.to_thread(zipfile.is_zipfile, temporary):
                raise CallFailed(f"the file of export {ready.id} is not a whole zip file")
            held = await asyncio.to_thread(examine, temporary, password)
            await asyncio.to_thread(os.fsync, file.fileno())
        await asyncio.to_thread(_appear, temporary, path)
    return Downloaded(size, digest.hexdigest(), held.kinds, held.others, held.warnings, held.hollow)


def _appear(temporary: Path, path: Path) -> None:
    """Under its name the file is only once it is whole and on disk."""
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
