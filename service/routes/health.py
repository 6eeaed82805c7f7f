"""`/healthz` and `/readyz`: is the process alive, can it do its work."""

import asyncio

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from service.answers import answer
from service.state import state_of
from workers.scheduler import HEARTBEAT

# Whoever asks does not wait long, and has to hear which part it is.
_SECONDS = 2.0


async def alive(_request: Request) -> Response:
    """The process answers."""
    return answer({"status": "ok"})


async def ready(request: Request) -> Response:
    """Redis answers, and a scheduler beat lately; 503 says which part is missing."""
    ledger = state_of(request).ledger
    paused = False
    try:
        async with asyncio.timeout(_SECONDS):
            beating = await ledger.heartbeats.alive(HEARTBEAT)
            paused = bool(await ledger.stop_switch.pauses())
    except (RedisError, OSError):
        parts = {"redis": "does not answer", "scheduler": "unknown"}
    else:
        parts = {"redis": "ok", "scheduler": "ok" if beating else "no heartbeat; start one"}
    ok = all(part == "ok" for part in parts.values())
    if paused:
        # Not a reason to be sent no events: they are taken in.
        parts["deletions"] = "paused"
    return answer({"status": "ready" if ok else "not ready", "parts": parts}, 200 if ok else 503)
