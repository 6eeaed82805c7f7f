"""How a deletion stands, and what came of it, in a line for people: pure."""

from typing import Any

from workers.pipeline.states import (
    AWAITING_APPROVAL,
    DELETED,
    PREVIEWED,
    RUNNING,
    SCHEDULED,
    SOFT_DELETED,
)


def named(found: dict[str, Any]) -> str:
    """The organization, as far as it is known."""
    return " ".join(each for each in (found["org_id"], found["org_name"]) if each) or "?"


def due(deletion: dict[str, Any], *, short: bool = False) -> str:
    """When something happens by itself, who can do something before, and what it waits for.

    The `short` one begins with what is read where the line is cut.
    """
    at: str = deletion["due_at"]
    if short:
        return f"{at[:16]} {_then(deletion)}"
    if deletion["state"] == AWAITING_APPROVAL:
        who = ", ".join(deletion["approvers"]) or "nobody; see [operators]"
        return f"to be approved before {at} by: {who}"
    if deletion["waits_for"]:
        return f"{deletion['waits_for']}, looked at again {at}"
    return f"to be deleted {at}" if deletion["state"] == SCHEDULED else f"due {at}"


def _then(deletion: dict[str, Any]) -> str:
    if deletion["state"] == AWAITING_APPROVAL:
        return f"ends unless approved by: {', '.join(deletion['approvers']) or 'nobody'}"
    if deletion["waits_for"]:
        return f"looked at again: {deletion['waits_for']}"
    if deletion["state"] == RUNNING:
        return "at the latest it is looked at again"
    return "to be deleted" if deletion["state"] == SCHEDULED else "due"


def summary(result: dict[str, Any]) -> str:
    """What came of it, in a line for people."""
    details = result["details"]
    what = named(result)
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
