"""One attempt of the outbox: sign, post, write down what came back, plan the next attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from standardwebhooks import Webhook

from workers.ledger.sending.callbacks import Callback
from workers.outbox.notify import notification
from workers.outbox.outgoing import Means, NotSent, Outgoing, host_of
from workers.outbox.post import CALLBACK_HINT, Posted, post
from workers.outbox.schedule import Next, after
from workers.pipeline.result import result_body
from workers.traces import tracing

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


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was done and what came back. `host` is "" where nothing was sent."""

    held: Callback
    host: str
    posted: Posted
    final: str | None
    at: datetime


async def attempt(held: Callback, means: Means) -> Attempt:
    """Sign and post, unless it must not be sent; nothing is written down yet."""
    outgoing = await (notification if held.notice_id else _result)(held, means)
    if isinstance(outgoing, NotSent):
        final = outgoing.why if outgoing.final else None
        posted = Posted(None, f"not sent: {outgoing.why}")
        return Attempt(held, "", posted, final, means.clock())
    posted = await _post(held, outgoing, means)
    return Attempt(held, host_of(outgoing.url), posted, None, means.clock())


async def record(made: Attempt, means: Means) -> None:
    """Write down what came back, and plan the next attempt."""
    held, posted = made.held, made.posted
    following = after(
        status=posted.status,
        attempt=held.attempts + 1,
        retry_after=posted.retry_after,
        now=made.at,
        random=means.random,
    )
    if made.final is not None:
        following = Next("stopped", made.at, made.final)
    if posted.status is not None and following.state != "delivered":
        # Who does not answer at all is told of by the sender, once a host.
        log.warning(
            "not_delivered",
            to=held.target if held.notice_id else made.host,
            status=posted.status,
            attempts=held.attempts + 1,
            then=following.state,
        )
    if held.notice_id and following.state == "dead":
        # Told here and in the audit log, and to nobody by the way that does not work.
        log.error("notification_exhausted", notice_id=held.notice_id, target=held.target)
    await means.ledger.callbacks.record(
        held,
        state=following.state,
        ready_at=following.at,
        status=posted.status,
        answer=posted.answer,
        line=_line(held, posted, following),
        now=made.at,
    )


async def _content(held: Callback, means: Means) -> tuple[str, bytes]:
    """Where it goes, and what is sent: its own body, or the result of its deletion's generation."""
    if held.body:
        return held.target, held.body.encode()
    deletion = await means.ledger.deletions.generation(held.deletion_id, held.generation)
    return held.target or deletion.callback_url, result_body(deletion)


async def _result(held: Callback, means: Means) -> Outgoing | NotSent:
    settings = means.settings.callback
    if not settings.secrets:
        return NotSent("results are never sent unsigned; set callback.secrets", final=False)
    url, body = await _content(held, means)
    return Outgoing(
        url=url,
        body=body,
        secrets=settings.secrets,
        allowed_hosts=settings.allowed_hosts,
        allow_private=settings.allow_private_networks,
        hint=CALLBACK_HINT,
    )


async def _post(held: Callback, outgoing: Outgoing, means: Means) -> Posted:
    headers = (
        signed_headers(outgoing.secrets, webhook_id(held), means.clock(), outgoing.body)
        if outgoing.secrets
        else {"content-type": "application/json"}
    )
    parent = await means.ledger.deletions.trace(held.deletion_id) if tracing.on() else ""
    with tracing.span("POST callback", "client", parent) as span:
        span.note("unglue.callback_id", held.id)
        if parent:
            headers = {**headers, "traceparent": tracing.carried()}
        posted = await post(
            outgoing.url,
            body=outgoing.body,
            headers=headers,
            allowed_hosts=outgoing.allowed_hosts,
            allow_private=outgoing.allow_private,
            hint=outgoing.hint,
            seconds=means.patience,
        )
        if posted.status is not None:
            span.note("http.response.status_code", posted.status)
    return posted


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
