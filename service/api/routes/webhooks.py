"""`POST /webhooks/{source}`: record first, answer second; what follows is queued beside that."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from pydantic_core import to_json
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.errors import (
    SignatureInvalid,
    SigningKeyUnavailable,
    StorageUnavailable,
    TooManyAttempts,
    UnglueError,
)
from adapters.headers import Headers
from service.access.peers import peer_of
from service.api.acceptance import accepted
from service.api.answers import PRIVATE, error_answer
from service.api.state import ServiceState, state_of
from workers.intake.coding import UnsupportedEncoding
from workers.intake.intake import KEY_NOT_ASKED_FOR, Acknowledged, KeyNotAskedFor
from workers.intake.signing_keys import KeyUnknown
from workers.ledger.events.deliveries import Receipt
from workers.ledger.installation.condition import condition_of

log = structlog.get_logger()

# A sender that gets no answer may never send again, so it hears of a failure while it still waits:
# after this share of its patience. The rest is for the way.
_SHARE = 0.7
_UNKNOWN_PATIENCE = 10.0
_COUNT_SECONDS = 0.5


# As `answer` has them, made once.
_HEADERS: Final = (
    *((name.lower().encode(), value.encode()) for name, value in PRIVATE.items()),
    (b"content-type", b"application/json"),
)


class Accepted:
    """202 with this content. What each delivery is answered costs no object of Starlette's."""

    status_code: Final = 202

    def __init__(self, content: Mapping[str, object]) -> None:
        self.body = to_json(content)

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        length = (b"content-length", b"%d" % len(self.body))
        await send({"type": "http.response.start", "status": 202, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": self.body})


async def receive(request: Request) -> ASGIApp:
    """One delivery of a source. 202 means that it is durable."""
    state, name = state_of(request), request.path_params["source"]
    # Nobody sends a body to a source that there is not.
    state.intake.source(name)
    peer = peer_of(request.client.host if request.client else None)
    return await taken(state, name, request.headers.raw, await request.body(), peer)


async def taken(
    state: ServiceState, name: str, fields: Sequence[tuple[bytes, bytes]], body: bytes, peer: str
) -> ASGIApp:
    """The answer to a delivery; `peer` is whose failures are counted together.

    Raises:
        NotFound: no source has this name.
        SignatureInvalid, TooManyAttempts, UnsupportedEncoding: it is refused.
    """
    _, adapter = state.intake.source(name)
    headers = Headers(
        tuple([(key.decode("latin-1"), value.decode("latin-1")) for key, value in fields])
    )
    patience = adapter.sender.timeout_seconds or _UNKNOWN_PATIENCE
    attempts = state.attempts
    try:
        with state.limits.within(_SHARE * patience):
            # What is genuine is never refused for what was not, so it is verified first.
            acknowledged = await state.intake.accept(
                name, headers, body, sparing=attempts.spent(peer, name)
            )
    except SignatureInvalid as error:
        if not attempts.fail(peer, name):
            raise TooManyAttempts(
                "too many deliveries from this address were not genuine", attempts.refills_in
            ) from None
        unsaid = attempts.unsaid(name)
        log.warning("signature_invalid", source=name, detail=error.message, unsaid=unsaid)
        with contextlib.suppress(RedisError, TimeoutError):
            async with asyncio.timeout(_COUNT_SECONDS):
                await state.ledger.sources.count(name, "unauthentic")
                if unsaid:
                    await state.ledger.sources.count(name, "limited", unsaid)
        if isinstance(error, KeyUnknown):
            # The vendor's servers may differ for a moment; it sends again only for this status.
            return error_answer(error, adapter.sender.retry_status, {"Retry-After": "2"})
        raise
    except KeyNotAskedFor as error:
        attempts.fail(peer, name)
        wait = {"Retry-After": str(attempts.refills_in)}
        return error_answer(error, adapter.sender.retry_status, wait)
    except UnsupportedEncoding:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the event is not durable
        # This vendor sends it again only for this status.
        not_now = _not_now(name, error)
        return error_answer(not_now, adapter.sender.retry_status, {"Retry-After": "5"})
    if acknowledged.strongest.reason == KEY_NOT_ASKED_FOR:
        # Kept, for it may be genuine; but so many unknown keys look like made-up ones.
        attempts.fail(peer, name)
    if acknowledged.strongest.reason == "spooled":
        log.warning("spooled", source=name, delivery_id=acknowledged.delivery_id)
    else:
        accepted(state.hand_off, name, acknowledged)
    return Accepted(_body(acknowledged))


def _not_now(source: str, error: Exception) -> UnglueError:
    """Why the event was not accepted, for the log and for the sender."""
    match error:
        case SigningKeyUnavailable():
            log.error("signing_key_unavailable", source=source, detail=error.message)
            return error
        case StorageUnavailable():
            log.error("storage_unavailable", source=source, detail=error.message)
            return error
        case RedisError() | OSError():
            how = condition_of(error) or "refusing"
            log.error("storage_unavailable", source=source, redis=how, error=type(error).__name__)
            return StorageUnavailable(f"Redis does not take it ({how}); send the event again")
        case _:
            log.error("not_accepted", source=source, exc_info=error)
            return UnglueError("something went wrong inside Unglue; send the event again")


def _body(acknowledged: Acknowledged) -> dict[str, object]:
    strongest = acknowledged.strongest
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
