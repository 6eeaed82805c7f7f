"""`/healthz` and `/readyz`: is the process alive, can it do its work."""

import asyncio

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from service.answers import answer
from service.state import ServiceState, state_of
from workers.ledger.condition import condition
from workers.scheduler import HEARTBEAT

# Whoever asks does not wait long, and has to hear which part it is.
_SECONDS = 1.8


async def alive(_request: Request) -> Response:
    """The process answers."""
    return answer({"status": "ok"})


async def ready(request: Request) -> Response:
    """Redis takes writes, a scheduler beat, no event waits; 503 says which part is missing."""
    state = state_of(request)
    paused = False
    try:
        async with asyncio.timeout(_SECONDS):
            parts = await _storage(state)
            if parts["scheduler"] != "unknown":
                paused = bool(await state.ledger.stop_switch.pauses())
    except (RedisError, OSError):
        parts = {"redis": "unreachable", "scheduler": "unknown"}
    if state.spool is not None:
        waiting = state.spool.waiting
        parts["spool"] = f"{waiting} waiting" if waiting else "ok"
        if state.spool.id is None:
            parts["spool"] = "unusable: see the log"
        elif state.spool.aside:
            parts["spool"] = f"set aside: {', '.join(state.spool.aside)}"
    ok = all(part == "ok" for part in parts.values())
    if paused:
        # Not a reason to be sent no events: they are taken in.
        parts["deletions"] = "paused"
    return answer({"status": "ready" if ok else "not ready", "parts": parts}, 200 if ok else 503)


async def _storage(state: ServiceState) -> dict[str, str]:
    store = state.ledger.store
    failing = await condition(store.redis, store.key("probe"))
    if failing in {"unreachable", "password", "loading"}:
        return {"redis": failing, "scheduler": "unknown"}
    beating = await state.ledger.heartbeats.alive(HEARTBEAT)
    return {
        "redis": failing or "ok",
        "scheduler": "ok" if beating else "no heartbeat; start one",
    }
