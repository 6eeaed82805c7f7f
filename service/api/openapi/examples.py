"""Examples for the description, by operation. Each fits its own schema: a test looks."""

from collections.abc import Mapping
from typing import Any, Final

_INACTIVE: Final = "The PSA says that the client is inactive"

BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "deletions_create": {
        "by id": {"org_id": "301", "confirm_delete": True, "reason": _INACTIVE},
        "rehearsal by name": {"org_name": "Cobalt Dental", "dry_run": True},
    },
    "deletions_approve": {
        "as seen": {"digest": "9f2c…", "org_name": "Cobalt Dental", "reason": "offboarded"}
    },
    "deletions_reject": {"why": {"reason": "They renewed on Friday"}},
    "holds_dismiss": {
        "by id": {"reason": "A test of the vendor's", "ids": ["dlv_4f0c2ab1"]},
        "by source": {
            "reason": "The adapter understands them now, and they were old",
            "source": "connectwise",
            "verdict": "rejected",
            "until": "2026-11-01T00:00:00Z",
        },
    },
    "sources_cancel": {"incident": {"reason": "The webhook's secret leaked"}},
    "protections_create": {
        "keep": {"org_id": "301", "reason": "Documentation is needed for the audit"}
    },
    "protections_remove": {"no longer": {"reason": "The audit is over"}},
    "pause_pause": {"stop": {"reason": "Many clients are inactive all at once"}},
    "pause_resume": {
        "go on": {"reason": "It was the merger"},
        "accept the ledger": {"reason": "Compared with the PSA", "accept_ledger": True},
    },
    "sweeps_begin": {"only look": {"dry_run": True}},
    "spools_forget": {"gone": {"reason": "The machine was scrapped"}},
    "replays_begin": {
        "count": {"what": "deletions", "state": "failed", "dry_run": True},
        "by id": {"what": "callbacks", "ids": ["cb_1_1"]},
    },
}

ANSWERS: Final[Mapping[str, Mapping[int, Any]]] = {
    "webhooks_receive": {
        202: {
            "delivery_id": "dlv_4f0c2ab1",
            "verdict": "accepted",
            "deletion_id": "del_9d1f00aa",
            "reason": "created",
        }
    },
    "pause_show": {
        200: {
            "paused": True,
            "pauses": [
                {
                    "cause": "operator",
                    "by": "alice",
                    "at": "2026-11-28T09:00:00Z",
                    "reason": "Many clients are inactive all at once",
                }
            ],
        }
    },
    "health_ready": {
        503: {
            "status": "not ready",
            "parts": {"redis": "ok", "scheduler": "missing", "worker": "ok"},
        }
    },
}

ERROR: Final[Mapping[str, Any]] = {
    "code": "InvalidRequest",
    "message": "org_id: must be an IT Glue organization id",
    "timestamp": "2026-11-28T09:00:00Z",
}
