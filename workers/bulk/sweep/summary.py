"""What a sweep came to, as JSON values: kept in its record, and sent as the summary callback."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from adapters.errors import UnglueError
from workers.audit.chain import Head
from workers.bulk.sweep.criteria import allowed
from workers.ledger.bulk.sweeps import Row, Sweep
from workers.ledger.records import ErrorEntry
from workers.settings.schedules import Schedule
from workers.times.clock import rfc3339

# More of them are counted and not listed.
_LISTED = 500


def summary_of(
    sweep: Sweep,
    state: str,
    schedule: Schedule | None,
    rows: Collection[Row],
    now: datetime,
    *,
    head: Head | None,
    error: UnglueError | None = None,
) -> dict[str, Any]:
    """The summary of a sweep that ends in this state, with the head of the audit chain."""
    met = [row for row in rows if row.met]
    skipped = [row for row in rows if row.skipped]
    unmet = Counter(why.partition(":")[0] for row in rows if not row.skipped for why in row.why)
    return {
        "sweep_id": sweep.id,
        "schedule": sweep.schedule,
        "state": state,
        "tick": rfc3339(sweep.tick) if sweep.tick else None,
        "by": sweep.by or None,
        "preview": sweep.preview,
        "dry_run": sweep.preview or (schedule is not None and schedule.dry_run),
        "began_at": rfc3339(sweep.created_at),
        "timestamp": rfc3339(now),
        "looked_at": len(rows),
        "met": len(met),
        "allowed": allowed(schedule, len(rows)) if schedule else None,
        "requested": sum(row.deletion_id is not None for row in met),
        "candidates": [
            {"org_id": row.org_id, "org_name": row.name, "deletion_id": row.deletion_id}
            for row in met[:_LISTED]
        ],
        "skipped": [
            {"org_id": row.org_id, "org_name": row.name, "why": "; ".join(row.why)}
            for row in skipped[:_LISTED]
        ],
        "unmet": dict(sorted(unmet.items())),
        "audit_head": head.plain() if head else None,
        "errors": [ErrorEntry.of(error, now).plain()] if error else [],
    }


def callback_body(summary: Mapping[str, Any]) -> str:
    """The body of the summary callback, in the form that Standard Webhooks recommends."""
    content = {"type": "sweep.finished", "timestamp": summary["timestamp"], "data": summary}
    return json.dumps(content, separators=(",", ":"))
