"""A verdict as the event that the receiving script reads: pure."""

from datetime import datetime, timedelta
from typing import Any, Final

from pydantic_core import to_json

from adapters.models import Ignored, Reactivated, Rejected, Request, Verdict
from workers.ledger.records import ErrorEntry, encode_errors
from workers.pipeline.identity.identities import bounded, forms_of
from workers.times.clock import to_ms

_TOO_OLD: Final = (
    "it says that a client is inactive, and is older than policy.max_event_age, so it asked for "
    "nothing; ask for the deletion by hand if the client is to go"
)


def too_old(verdict: Verdict, max_event_age: timedelta, now: datetime) -> Verdict:
    """The verdict; `Ignored` for an inactive whose signed time is too old."""
    if (
        isinstance(verdict, Request)
        and verdict.occurred_at is not None
        and now - verdict.occurred_at > max_event_age
    ):
        return Ignored(
            event_id=verdict.event_id,
            content=verdict.content,
            sequence=verdict.sequence,
            reason="too_old",
            alert=verdict.alert or _TOO_OLD,
        )
    return verdict


def may_say_active(verdict: Verdict) -> bool:
    """Whether a client is active by it, or may be."""
    return isinstance(verdict, Reactivated) or (isinstance(verdict, Rejected) and verdict.holds)


def event_of(
    verdict: Verdict, arrived_at: datetime, now: datetime, *, in_order: bool
) -> dict[str, Any]:
    """The event as the receiving script reads it; what is not there is left out.

    A request that was proved late is as old as its arrival. A reactivation counts as new: in doubt
    the client is active. But what waited `in_order` has its own request behind it, which must not
    become the older one.
    """
    event: dict[str, Any] = {"event_id": bounded(verdict.event_id), "content": verdict.content}
    came = event["came"] = to_ms(arrived_at)
    if verdict.occurred_at is not None:
        # A sender's clock that runs ahead must not make its event newer than what comes after it;
        # what it claims still tells its events apart.
        claims = to_ms(verdict.occurred_at)
        event["occurred_at"] = min(claims, came if now is arrived_at else to_ms(now))
        if claims > event["occurred_at"]:
            event["claims"] = claims
    if verdict.sequence is not None:
        event["counter"], event["number"] = bounded(verdict.sequence[0]), verdict.sequence[1]
    if verdict.alert is not None:
        event["alert"] = verdict.alert
    match verdict:
        case Request():
            event |= {
                "kind": "request",
                "arrived_at": came,
                "client": bounded(verdict.client),
                "also": [bounded(client) for client in verdict.also],
                "name": verdict.request.org_name or "",
                "forms": to_json(forms_of(verdict.request)).decode(),
                "request": verdict.request.model_dump_json(exclude_none=True),
                "actor": verdict.actor or "",
            }
        case Reactivated():
            reactivated = ErrorEntry.cancelled("the client is active again", now)
            event |= {
                "kind": "reactivated",
                "client": bounded(verdict.client),
                "also": [bounded(client) for client in verdict.also],
                "name": verdict.name or "",
                "cancelled": encode_errors((reactivated,)),
            }
            if in_order:
                event["arrived_at"] = came
        case Ignored():
            event |= {"kind": "ignored", "reason": verdict.reason}
        case Rejected():
            event |= {"kind": "rejected", "reason": verdict.reason, "detail": verdict.detail[:500]}
            event |= {
                "holds": verdict.holds,
                "clients": [bounded(each) for each in verdict.clients],
            }
    return event
