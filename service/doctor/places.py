"""The places that are written and sent to: folders with room, hosts with addresses."""

import os
import shutil
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from adapters.errors import UnglueError
from service.doctor.finding import Finding
from workers.network.addresses import resolve
from workers.settings import Settings
from workers.settings.destinations import CallbackSettings, HeartbeatSettings, Notification

_LITTLE_ROOM, _NO_ROOM = 2**30, 2**26


def folders(settings: Settings) -> Iterator[Finding]:
    """What is written to, and how much room is left there."""
    if settings.policy.export:
        yield _folder("exports", "policy.export_dir", Path(settings.policy.export_dir))
    if settings.spool_dir:
        yield _folder("spool", "spool_dir", Path(settings.spool_dir))
    if settings.state_dir:
        yield _folder("ledger", "state_dir", Path(settings.state_dir))
    if settings.audit.file:
        file = Path(settings.audit.file)
        yield _folder("audit", "audit.file", file if file.exists() else file.parent, file)


async def receivers(settings: Settings) -> AsyncGenerator[Finding]:
    """Where results, notifications and the heartbeat go."""
    if not settings.notifications:
        cure = "add one to [notifications]: a deletion that failed is seen by nobody else"
        yield Finding("notifications", "warn", "no notification target", cure)
    named: list[tuple[str, str, CallbackSettings | Notification | HeartbeatSettings]] = [
        ("callback", "callback", settings.callback),
        *(("notifications", f"notifications.{name}", each)
          for name, each in settings.notifications.items()),
        ("heartbeat", "heartbeat", settings.heartbeat),
    ]  # fmt: skip
    for part, table, to in named:
        if to.url is not None:
            yield await _way(part, table, to.url, allow_private=to.allow_private_networks)


async def key_servers(settings: Settings) -> AsyncGenerator[Finding]:
    """Where a vendor keeps its own signing keys: without them its deliveries are not proved."""
    for name, source in settings.sources.items():
        origin = getattr(source, "key_origin", None)
        if isinstance(origin, str):
            # As they are fetched: plain http is for this machine.
            private = origin.startswith("http://")
            found = await _way("sources", f"sources.{name}", origin, allow_private=private)
            cure = f"correct sources.{name}.host or .key_origin, or the name service"
            message = f"signing keys of {name}: {found.message}"
            yield Finding("sources", found.level, message, cure)


async def _way(part: str, table: str, url: str, *, allow_private: bool) -> Finding:
    """Whether the host has addresses that may be called. The rest of the URL may be secret."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = await resolve(host, port, allow_private=allow_private)
    except UnglueError as error:
        cure = f"correct {table}.url, or see {table}.allow_private_networks"
        return Finding(part, "fail", error.message, cure)
    return Finding(part, "ok", f"{host} resolves to {address}")


def _folder(part: str, setting: str, folder: Path, file: Path | None = None) -> Finding:
    """Whether a folder, or a `file` in it, can be written, and whether there is room."""
    told = file or folder
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    fits = nearest.is_file() if nearest == file else nearest.is_dir()
    if not (fits and os.access(nearest, os.W_OK)):
        cure = f"correct {setting}, or its permissions"
        return Finding(part, "fail", f"{told} cannot be written", cure)
    free = shutil.disk_usage(nearest).free
    if free < _LITTLE_ROOM:
        message = f"{told}: only {free // 2**20} MB are free on its disk"
        return Finding(part, "warn" if free > _NO_ROOM else "fail", message, "make room")
    return Finding(part, "ok", f"{told} can be written")
