"""`POST /webhooks/{source}`: record first, enqueue second, answer last."""

import structlog
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import SignatureInvalid, SigningKeyUnavailable, StorageUnavailable, UnglueError
from adapters.headers import Headers
from service.answers import answer, error_answer
from service.state import ServiceState, state_of
from workers.intake import Acknowledged
from workers.ledger.records import Receipt

log = structlog.get_logger()


async def receive(request: Request) -> Response:
    """One delivery of a source. 202 means that it is durable."""
    state = state_of(request)
    name = request.path_params["source"]
    _, adapter = state.intake.source(name)
    body = await request.body()
    headers = Headers.of(
        [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.headers.raw]
    )
    not_now: UnglueError
    try:
        acknowledged = await state.intake.accept(name, headers, body)
    except SignatureInvalid as error:
        log.warning("signature_invalid", source=name, detail=error.message)
        raise
    except SigningKeyUnavailable as error:
        log.error("signing_key_unavailable", source=name, detail=error.message)
        not_now = error
    except RedisError as error:
        log.error("storage_unavailable", source=name, error=type(error).__name__)
        not_now = StorageUnavailable("Redis does not answer, so the event was not accepted")
    else:
        await _enqueue(state, acknowledged)
        return answer(_body(name, acknowledged), 202)
    # Not durable: this vendor sends it again only for this status.
    return error_answer(not_now, adapter.sender.retry_status, {"Retry-After": "5"})


async def _enqueue(state: ServiceState, acknowledged: Acknowledged) -> None:
    for receipt in acknowledged.receipts:
        if receipt.deletion_id is None or receipt.job is None:
            continue
        try:
            await state.jobs.advance(receipt.deletion_id, receipt.job)
        except RedisError as error:
            # The event is durable; the scheduler finds what was not queued.
            log.warning("not_enqueued", deletion_id=receipt.deletion_id, error=type(error).__name__)


def _body(source: str, acknowledged: Acknowledged) -> dict[str, object]:
    strongest = acknowledged.strongest
    for receipt in acknowledged.receipts:
        log.info(
            "received",
            source=source,
            delivery_id=acknowledged.delivery_id,
            verdict=receipt.verdict,
            reason=receipt.reason,
            deletion_id=receipt.deletion_id,
            alert=receipt.alert,
        )
    body: dict[str, object] = {
        "delivery_id": acknowledged.delivery_id,
        "verdict": strongest.verdict,
        "deletion_id": strongest.deletion_id,
        "reason": strongest.reason,
    }
    if len(acknowledged.receipts) > 1:
        body["events"] = [_event(receipt) for receipt in acknowledged.receipts]
    return body


def _event(receipt: Receipt) -> dict[str, object]:
    return {
        "event_id": receipt.event_id,
        "verdict": receipt.verdict,
        "deletion_id": receipt.deletion_id,
        "reason": receipt.reason,
    }
