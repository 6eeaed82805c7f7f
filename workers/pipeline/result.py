"""The result object: in callbacks, the API and the command line; always with all keys."""

import json
from collections.abc import Mapping
from typing import Any

from workers.ledger.records import Deletion
from workers.pipeline.gates.dependencies import LABELS
from workers.pipeline.plan import Plan
from workers.pipeline.states import DELETED, PREVIEWED, SOFT_DELETED
from workers.times.clock import rfc3339

_COUNTED = ("assets", "configs", "documents")


def _dependency_check(plan: Plan | None) -> dict[str, Any]:
    counts: Mapping[str, int | None] = plan.counts if plan else {}
    blocked = plan is not None and any(answer.gate == "dependencies" for answer in plan.refusals)
    return {
        "assets_found": counts.get("assets"),
        "configs_found": counts.get("configs"),
        "documents_found": counts.get("documents"),
        "blocked": blocked,
        "other": {kind: count for kind, count in counts.items() if kind not in _COUNTED},
    }


def _warnings(deletion: Deletion) -> list[str]:
    plan = deletion.plan
    if plan is None:
        return ["nothing was counted: the organization was not found or not looked at"]
    warnings = list(plan.warnings)
    warnings += [
        f"{LABELS.get(kind, kind)} could not be counted"
        for kind in _COUNTED
        if plan.counts.get(kind) is None
        # Whoever counted says why; a null without a word must not be.
        and not any(warning.startswith(f"{kind} could not be") for warning in plan.warnings)
    ]
    warnings += deletion.export.warnings if deletion.export is not None else ()
    if deletion.state == PREVIEWED:
        if deletion.by_request and not deletion.request.confirm_delete:
            warnings.append("it is not confirmed: for real it needs confirm_delete")
        warnings += [f"would block: {answer.gate}: {answer.message}" for answer in plan.refusals]
        warnings += [f"would ask a person: {answer.gate}: {answer.message}" for answer in plan.asks]
    if deletion.state == DELETED and deletion.intent.missing:
        warnings.append("IT Glue answered 404 to the DELETE of what it had shown a moment before")
    granted = deletion.granted
    by = f", granted by {granted.by}" if granted is not None and granted.force else ""
    warnings += [
        f"{answer.gate} was passed by force_delete{by}: {answer.message}"
        for answer in plan.answers
        if answer.verdict == "forced"
    ]
    return warnings


def _export(deletion: Deletion) -> dict[str, Any] | None:
    exported = deletion.export
    if exported is None or exported.file is None:
        return None
    return {"file": exported.file, "size": exported.size, "sha256": exported.sha256}


def _approval(deletion: Deletion) -> dict[str, Any] | None:
    granted = deletion.granted
    if granted is None:
        return None
    return {
        "by": granted.by,
        "at": rfc3339(granted.at),
        "reason": granted.reason or None,
        "force_delete": granted.force,
    }


def would_delete(deletion: Deletion) -> bool | None:
    """Of a dry run, whether the same for real would go through; of anything else nothing."""
    if not deletion.dry_run:
        return None
    plan = deletion.plan
    return deletion.state == PREVIEWED and plan is not None and not plan.refusals and not plan.asks


def result_of(deletion: Deletion) -> dict[str, Any]:
    """The result of a deletion that ended."""
    plan = deletion.plan
    return {
        "success": deletion.state in {DELETED, SOFT_DELETED, PREVIEWED},
        "org_id": deletion.org_id,
        "org_name": deletion.org_name,
        "deleted": deletion.state == DELETED,
        "timestamp": rfc3339(deletion.finished_at or deletion.updated_at),
        "dependency_check": _dependency_check(plan),
        "warnings": _warnings(deletion),
        "errors": [error.plain() for error in deletion.errors],
        "details": {
            "deletion_id": deletion.id,
            "state": deletion.state,
            "source": deletion.source,
            "delivery_id": deletion.delivery_id or None,
            "mode": "dry_run" if deletion.dry_run else deletion.mode or None,
            "reason": deletion.request.reason,
            "actor": deletion.actor or None,
            "export": _export(deletion),
            "plan_digest": plan.digest if plan else None,
            "request_count": deletion.requests,
            "generation": deletion.generation,
            "audit_head": deletion.audit_head.plain() if deletion.audit_head else None,
            "approval": _approval(deletion),
            "would_delete": would_delete(deletion),
        },
    }


def result_body(deletion: Deletion) -> bytes:
    """The result as it is sent to a callback URL, byte for byte."""
    return json.dumps(result_of(deletion), separators=(",", ":")).encode()
