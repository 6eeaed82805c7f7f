"""Export: the organization's data on our own disk before anything is deleted.

IT Glue builds an export in its own time and says nothing of failure, so it is asked until
`export_timeout`. Passwords are inside: the file is mode 0600, and old ones are removed.
"""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from adapters.errors import DeletionBlocked, ITGlueConnectionError
from workers.ledger.deletions import Change
from workers.ledger.records import Deletion, Exported
from workers.retry import decide
from workers.states import BLOCKED, EXPORTING
from workers.steps.outcome import Context, fail, go_on, wait
from workers.steps.verify import keep_looking

_SOONEST, _LATEST = timedelta(seconds=2), timedelta(minutes=5)
# Less than a job may take: a file that needs longer is begun anew, and in the end blocks.
_DOWNLOAD_SECONDS = 80.0


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
    org_id = deletion.plan.organization.id
    exported = deletion.export
    if exported is None or exported.org_id != org_id:
        return await _ask(org_id, context)
    try:
        return await _fetch(deletion, exported, context)
    except OSError as error:
        message = f"export: the file could not be written to {_folder(context)}: {error.strerror}"
        return fail(BLOCKED, DeletionBlocked(message), context.clock())
    except ITGlueConnectionError as error:
        return _again(deletion, error, context)


def _folder(context: Context) -> Path:
    return Path(context.settings.policy.export_dir)


async def _ask(org_id: str, context: Context) -> Change:
    policy = context.settings.policy
    made = await context.itglue.create_export(
        org_id,
        include_logs=policy.export_include_logs,
        zip_password=policy.export_zip_password,
    )
    now = context.clock()
    exported = Exported(id=made.id, org_id=org_id, asked_at=now)
    line = {"entry": "export_asked", "export_id": made.id}
    return wait(EXPORTING, "export", now + _SOONEST, line, export=exported.model_dump_json())


async def _fetch(deletion: Deletion, exported: Exported, context: Context) -> Change:
    policy = context.settings.policy
    ready = await context.itglue.export(exported.id)
    now = context.clock()
    if ready is None:
        message = f"export: IT Glue no longer knows export {exported.id}; replay to make another"
        return fail(BLOCKED, DeletionBlocked(message), now)
    if ready.download_url is None:
        if now >= exported.asked_at + policy.export_timeout:
            message = f"export: IT Glue did not finish export {exported.id} in time; replay later"
            return fail(BLOCKED, DeletionBlocked(message), now)
        pause = min(max((now - exported.asked_at) / 2, _SOONEST), _LATEST)
        return wait(EXPORTING, "export", now + pause)
    folder = _folder(context)
    again = f"-{deletion.generation}" if deletion.generation > 1 else ""
    path = folder / f"{exported.org_id}-{deletion.id}{again}.zip"
    await asyncio.to_thread(_prepare, folder, now, policy.export_retention_days)
    try:
        async with asyncio.timeout(_DOWNLOAD_SECONDS):
            stored = await context.itglue.download(ready, path, policy.export_max_bytes)
    except TimeoutError:
        raise ITGlueConnectionError(
            f"the export was not downloaded within {_DOWNLOAD_SECONDS:g} s"
        ) from None
    done = exported.model_copy(
        update={"file": str(path), "size": stored.size, "sha256": stored.sha256}
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


def _again(deletion: Deletion, error: ITGlueConnectionError, context: Context) -> Change:
    """A download that failed is tried again, and blocks in the end: without it nothing goes."""
    now = context.clock()
    attempt = deletion.attempts + 1
    decision = decide(
        error,
        attempt=attempt,
        max_attempts=context.settings.worker.max_attempts,
        now=now,
        random=context.random,
    )
    line = {"entry": "attempt", "step": "export", "code": error.code, "why": decision.why}
    if decision.at is None:
        return fail(BLOCKED, DeletionBlocked(f"export: {error.message}"), now, line)
    return wait(EXPORTING, "export", decision.at, line, attempts=attempt)
