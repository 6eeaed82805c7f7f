"""How a deletion stands, and what came of it, in a line for people: pure."""

from typing import Any

from workers.pipeline.states import AWAITING_APPROVAL, DELETED, PREVIEWED, SCHEDULED, SOFT_DELETED


def due(deletion: dict[str, Any]) -> str:
    """When something happens by itself, who can do something before, and what it waits for."""
    at: str = deletion["due_at"]
    if deletion["state"] == AWAITING_APPROVAL:
        who = ", ".join(deletion["approvers"]) or "nobody; see [operators]"
        return f"to be approved before {at} by: {who}"
    if deletion["waits_for"]:
        return f"{deletion['waits_for']}, looked at again {at}"
    return f"to be deleted {at}" if deletion["state"] == SCHEDULED else f"due {at}"


def summary(result: dict[str, Any]) -> str:
    """What came of it, in a line for people."""
    details = result["details"]
    what = f"{result['org_id'] or '?'} {result['org_name'] or ''}".rstrip()
    match details["state"]:
        case state if state == DELETED:
            return f"deleted: {what}"
        case state if state == SOFT_DELETED:
            return f"not deleted, its status was set: {what}"
        case state if state == PREVIEWED:
            return f"would {'' if details['would_delete'] else 'not '}be deleted: {what}"
        case state:
            why = "; ".join(error["message"] for error in result["errors"])
            return f"not deleted ({state}): {what}" + (f": {why}" if why else "")
