"""One attempt of the outbox: sign, post, write down what came back, plan the next attempt."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from standardwebhooks import Webhook

from workers.ledger.records import Callback
from workers.outbox.notify import notification
from workers.outbox.outgoing import NotSent, Outgoing
from workers.outbox.post import CALLBACK_HINT, Posted, post
from workers.outbox.schedule import Next, after
from workers.result import result_body
from workers.steps.outcome import Context

log = structlog.get_logger()


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
    outgoing = await (notification if held.notice_id else _result)(held, context)
    if isinstance(outgoing, NotSent):
        posted = Posted(None, f"not sent: {outgoing.why}")
    else:
        posted = await _post(held, outgoing, context.clock())
    now = context.clock()
    following = after(
        status=posted.status,
        attempt=held.attempts + 1,
        retry_after=posted.retry_after,
        now=now,
        random=context.random,
    )
    if isinstance(outgoing, NotSent) and outgoing.final:
        following = Next("stopped", now, outgoing.why)
    if held.notice_id and following.state == "dead":
        # Told here and in the audit log, and to nobody by the way that does not work.
        log.error("notification_exhausted", notice_id=held.notice_id, target=held.target)
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
    """Where it goes, and what is sent: its own body, or the result of its deletion's generation."""
    if held.body:
        return held.target, held.body.encode()
    deletion = await context.ledger.deletions.generation(held.deletion_id, held.generation)
    return held.target or deletion.callback_url, result_body(deletion)


async def _result(held: Callback, context: Context) -> Outgoing | NotSent:
    settings = context.settings.callback
    if not settings.secrets:
        return NotSent("results are never sent unsigned; set callback.secrets", final=False)
    url, body = await _content(held, context)
    return Outgoing(
        url=url,
        body=body,
        secrets=settings.secrets,
        allowed_hosts=settings.allowed_hosts,
        allow_private=settings.allow_private_networks,
        hint=CALLBACK_HINT,
    )


async def _post(held: Callback, outgoing: Outgoing, now: datetime) -> Posted:
    headers = (
        signed_headers(outgoing.secrets, webhook_id(held), now, outgoing.body)
        if outgoing.secrets
        else {"content-type": "application/json"}
    )
    return await post(
        outgoing.url,
        body=outgoing.body,
        headers=headers,
        allowed_hosts=outgoing.allowed_hosts,
        allow_private=outgoing.allow_private,
        hint=outgoing.hint,
    )


def webhook_id(callback: Callback) -> str:
    """The `webhook-id`: the same on every attempt, another one for a replay."""
    return "msg_" + callback.id.removeprefix("cb_")


def _line(held: Callback, posted: Posted, following: Next) -> dict[str, object]:
    return {
        "entry": "notification" if held.notice_id else "callback",
        "webhook_id": webhook_id(held),
        "attempt": held.attempts + 1,
        "status": posted.status,
        "state": following.state,
        "why": following.why,
        "answer": posted.answer if following.state != "delivered" else "",
    }
