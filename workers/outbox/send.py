"""Send one callback: sign the result, post it, write down what came back, plan the next attempt."""

import json
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

from workers.ledger.records import Callback
from workers.outbox.post import Posted, post
from workers.outbox.schedule import Next, after
from workers.result import result_of
from workers.steps.outcome import Context


def signed_headers(
    secrets: Sequence[str], webhook_id: str, now: datetime, body: bytes
) -> dict[str, str]:
    """Standard Webhooks headers, one signature a secret. `now` must be in UTC."""
    signatures = (Webhook(secret).sign(webhook_id, now, body.decode()) for secret in secrets)
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def send(callback_id: str, context: Context) -> None:
    """Make one attempt, if it is due and nobody else is making it."""
    held = await context.ledger.callbacks.lease(callback_id, context.clock())
    if held is None:
        return
    target, body = await _content(held, context)
    settings = context.settings.callback
    if settings.secrets:
        posted = await post(
            target,
            body=body,
            headers=signed_headers(settings.secrets, webhook_id(held), context.clock(), body),
            allowed_hosts=settings.allowed_hosts,
            allow_private=settings.allow_private_networks,
        )
    else:
        posted = Posted(None, "not sent: results are never sent unsigned; set callback.secrets")
    now = context.clock()
    following = after(
        status=posted.status,
        attempt=held.attempts + 1,
        retry_after=posted.retry_after,
        now=now,
        random=context.random,
    )
    await context.ledger.callbacks.record(
        held,
        state=following.state,
        ready_at=following.at,
        status=posted.status,
        answer=posted.answer,
        line=_line(held, posted, following),
        now=now,
    )


async def _content(held: Callback, context: Context) -> tuple[str, bytes]:
    """Where it goes, and what is sent: its own body, or its deletion's result."""
    if held.kind:
        return held.target, held.body.encode()
    deletion = await context.ledger.deletions.get(held.deletion_id)
    return deletion.callback_url, json.dumps(result_of(deletion), separators=(",", ":")).encode()


def webhook_id(callback: Callback) -> str:
    """The `webhook-id`: the same on every attempt, another one for a replay."""
    return "msg_" + callback.id.removeprefix("cb_")


def _line(held: Callback, posted: Posted, following: Next) -> dict[str, object]:
    return {
        "entry": "callback",
        "webhook_id": webhook_id(held),
        "attempt": held.attempts + 1,
        "status": posted.status,
        "state": following.state,
        "why": following.why,
        "answer": posted.answer if following.state != "delivered" else "",
    }
