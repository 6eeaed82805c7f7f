"""Export: the organization's data on our own disk before anything is deleted.

IT Glue builds an export in its own time and says nothing of failure, so it is asked until
`export_timeout`. Passwords are inside: the file is mode 0600, and old ones are removed.
"""

import asyncio
import errno
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from adapters.errors import DeletionBlocked, ITGlueConnectionError
from workers.itglue.http.failures import ExportUnproved, WrongExport
from workers.ledger.deleting.deletions import Change
from workers.ledger.deleting.exported import Exported
from workers.ledger.records import Deletion
from workers.pipeline.plan import Plan
from workers.pipeline.states import BLOCKED, EXPORTING
from workers.pipeline.steps.outcome import Context, again, fail, go_on, stand_still, wait
from workers.pipeline.steps.verify import keep_looking
from workers.pipeline.terms import terms_of

_SOONEST, _LATEST = timedelta(seconds=2), timedelta(minutes=5)
# Less than a job may take: a file that needs longer is begun anew, and in the end blocks.
_DOWNLOAD_SECONDS = 80.0
# Exports in a row that do not hold what they must, before a person is needed.
_MOST_IN_A_ROW = 3
# Somebody looks every few minutes whether it is ready; one that was not looked at for longer, while
# no worker ran or the disk was full, may have been ready for as long.
_READY_SINCE_AT_MOST = timedelta(minutes=15)
_LOOK_AT_DISK = timedelta(minutes=5)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


async def run(deletion: Deletion, context: Context) -> Change:
    """Ask for the export, wait for it, store it; then plan again, since time has passed."""
    change = await _export(deletion, context)
    if deletion.intent.unanswered and change.state == BLOCKED:
        # A call may have worked, so this can only end by what is seen.
        return keep_looking(deletion, context.clock(), *change.journal)
    return change


async def _export(deletion: Deletion, context: Context) -> Change:
    if deletion.plan is None:
        return go_on("plan")
    plan, exported = deletion.plan, deletion.export
    org_id = plan.organization.id
    if exported is None or exported.org_id != org_id:
        return await _ask(plan, context)
    if exported.file is not None:
        now = context.clock()
        max_age = terms_of(deletion, context.settings).policy.export_max_age
        why = exported.unproved(plan, now, max_age)
        if why is None:
            return go_on("plan")
        if exported.stored_at is None or now - exported.stored_at > max_age:
            return await _ask(plan, context, before=exported.id)
        return await _another(plan, exported, why, context)
    try:
        return await _fetch(deletion, plan, exported, context)
    except ExportUnproved as error:
        return await _another(plan, exported, error.message, context)
    except OSError as error:
        if error.errno in _NO_ROOM:
            return _no_room(deletion, context)
        message = f"export: the file could not be written to {_folder(context)}: {error.strerror}"
        return fail(BLOCKED, DeletionBlocked(message), context.clock())
    except ITGlueConnectionError as error:
        # Without it nothing goes.
        blocked = DeletionBlocked(f"export: {error.message}")
        return again(
            deletion, error, context, "export", waiting=EXPORTING, at_last=(BLOCKED, blocked)
        )


def _folder(context: Context) -> Path:
    return Path(context.settings.policy.export_dir)


def _no_room(deletion: Deletion, context: Context) -> Change:
    """A full disk is an outage: it is waited for, and the export stays asked for."""
    why = f"the disk of {_folder(context)} is full; free some space there, and it goes on by itself"
    line = {"entry": "attempt", "step": "export", "code": "DiskFull", "why": why}
    return stand_still(deletion, "disk_full", context.clock() + _LOOK_AT_DISK, line)


async def _another(plan: Plan, exported: Exported, why: str, context: Context) -> Change:
    """One that does not hold what it must is made again, so often and no more."""
    line = {"entry": "export_unproved", "export_id": exported.id, "why": why}
    if exported.made < _MOST_IN_A_ROW:
        change = await _ask(plan, context, made=exported.made + 1, before=exported.id)
        return replace(change, journal=(line, *change.journal))
    message = (
        f"export: {exported.made} exports of organization {exported.org_id} in a row do not hold "
        f"what is there; of the last one, {exported.id}: {why}. Look at it in IT Glue, then replay"
    )
    return fail(BLOCKED, DeletionBlocked(message), context.clock(), line)


async def _ask(plan: Plan, context: Context, made: int = 1, before: str = "") -> Change:
    org_id = plan.organization.id
    policy = context.settings.policy
    export = await context.itglue.create_export(
        org_id,
        include_logs=bool(plan.act.get("logs")),
        zip_password=policy.export_zip_password,
    )
    now = context.clock()
    exported = Exported(
        id=export.id,
        org_id=org_id,
        asked_at=now,
        counts=dict(plan.counts),
        updated_at=plan.organization.updated_at,
        made=made,
        earlier=before,
    )
    line = {"entry": "export_asked", "export_id": export.id}
    return wait(EXPORTING, "export", now + _SOONEST, line, export=exported.model_dump_json())


async def _fetch(deletion: Deletion, plan: Plan, exported: Exported, context: Context) -> Change:
    policy = context.settings.policy
    ready = await context.itglue.export(exported.id)
    now = context.clock()
    if ready is None:
        message = f"export: IT Glue no longer knows export {exported.id}; replay to make another"
        return fail(BLOCKED, DeletionBlocked(message), now)
    if ready.organization_id != exported.org_id:
        raise WrongExport(
            f"export {exported.id} was asked for of organization {exported.org_id}, and is of "
            f"{ready.organization_id}"
        )
    if ready.download_url is None:
        if now >= exported.asked_at + policy.export_timeout:
            message = f"export: IT Glue did not finish export {exported.id} in time; replay later"
            return fail(BLOCKED, DeletionBlocked(message), now)
        pause = min(max((now - exported.asked_at) / 2, _SOONEST), _LATEST)
        seen = exported.model_copy(update={"unready_at": now}).model_dump_json()
        return wait(EXPORTING, "export", now + pause, export=seen)
    most = max(policy.export_max_age, _READY_SINCE_AT_MOST)
    if (stale := exported.stale(ready.created_at, most)) is not None:
        raise ExportUnproved(stale)
    if now - (exported.unready_at or exported.asked_at) > most:
        aged = {"entry": "export_aged", "export_id": exported.id}
        change = await _ask(plan, context, before=exported.id)
        return replace(change, journal=(aged, *change.journal))
    folder = _folder(context)
    again = f"-{deletion.generation}" if deletion.generation > 1 else ""
    # One that is no longer enough may yet be the only copy of what it holds.
    anew = f"-{exported.id}" if exported.made > 1 else ""
    path = folder / f"{exported.org_id}-{deletion.id}{again}{anew}.zip"
    await asyncio.to_thread(_prepare, folder, now, policy.export_retention_days)
    try:
        async with asyncio.timeout(_DOWNLOAD_SECONDS):
            stored = await context.itglue.download(
                ready, path, policy.export_max_bytes, policy.export_zip_password
            )
    except TimeoutError:
        raise ITGlueConnectionError(
            f"the export was not downloaded within {_DOWNLOAD_SECONDS:g} s"
        ) from None
    done = exported.model_copy(
        update={
            "file": str(path),
            "stored_at": context.clock(),
            **stored._asdict(),
        }
    )
    line = {"entry": "exported", "file": path.name, "size": stored.size, "sha256": stored.sha256}
    return go_on("plan", line, export=done.model_dump_json())


def _prepare(folder: Path, now: datetime, retention_days: int) -> None:
    """Make the folder, and remove the exports that were kept long enough."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    oldest = (now - timedelta(days=retention_days)).timestamp()
    for path in folder.glob("*-del_*.zip"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
