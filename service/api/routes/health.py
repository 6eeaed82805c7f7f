"""`/healthz` and `/readyz`: is the process alive, can it do its work."""

import asyncio

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from adapters.counting import counted
from service.api.answers import answer
from service.api.state import ServiceState, state_of
from workers.ledger.installation.condition import condition
from workers.ledger.installation.form import NewerLedger
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER, WORKER
from workers.ledger.installation.stop_switch import LEDGER_LOST, Pause
from workers.upkeep.continuity import CLOCK_OFF
from workers.upkeep.room import room_of

# Whoever asks does not wait long, and has to hear which part it is.
_SECONDS = 1.8


async def alive(_request: Request) -> Response:
    """The process answers."""
    return answer({"status": "ok"})


async def ready(request: Request) -> Response:
    """Redis takes writes, scheduler and worker beat, no event waits; 503 says what is missing."""
    state = state_of(request)
    pauses: tuple[Pause, ...] = ()
    others = 0
    filling = None
    sending: bool | None = None
    try:
        async with asyncio.timeout(_SECONDS):
            parts = await _storage(state)
            if parts["scheduler"] != "unknown":
                pauses = await state.ledger.stop_switch.pauses()
                sending = await state.ledger.heartbeats.alive(OUTBOX)
                others = len(await state.ledger.in_force.others(state.clock()))
                filling = (await room_of(state.ledger)).warning
    except (RedisError, OSError):
        parts = {"redis": "unreachable", "scheduler": "unknown", "worker": "unknown"}
    parts |= _own(state)
    ok = all(part == "ok" for part in parts.values())
    if sending is not None:
        # Not a reason to be sent no events either: what is sent, is sent later.
        parts["outbox"] = "ok" if sending else "none alive; start one"
    if others:
        differ = counted(others, "configurations differ", "configuration differs")
        parts["configuration"] = f"{differ} from the one in force; restart those parts"
    if pauses:
        # Not a reason to be sent no events: they are taken in.
        lost = LEDGER_LOST in {each.cause for each in pauses}
        parts["deletions"] = f"paused: {LEDGER_LOST}" if lost else "paused"
    if filling is not None:
        parts["memory"] = filling
    if state.ledger.store.memory.trouble == CLOCK_OFF:
        parts["clock"] = "differs from the clock of Redis by more than 2 s"
    return answer({"status": "ready" if ok else "not ready", "parts": parts}, 200 if ok else 503)


def _own(state: ServiceState) -> dict[str, str]:
    """What this process itself holds."""
    parts: dict[str, str] = {}
    spool, connections = state.spool, state.server.connections
    if spool is not None:
        parts["spool"] = f"{spool.waiting} waiting" if spool.waiting else "ok"
        if spool.id is None:
            parts["spool"] = "unusable: see the log"
        elif spool.aside:
            parts["spool"] = f"set aside: {', '.join(spool.aside)}"
    if connections is not None and connections.full is not None:
        parts["connections"] = connections.full
    return parts


async def _storage(state: ServiceState) -> dict[str, str]:
    store = state.ledger.store
    failing = await condition(store.redis, store.key("probe"))
    if failing in {"unreachable", "certificate", "password", "loading"}:
        return {"redis": failing, "scheduler": "unknown", "worker": "unknown"}
    if failing is None:
        try:
            await state.ledger.form.require_known(state.clock())
        except NewerLedger:
            failing = "newer form"
    beating = await state.ledger.heartbeats.alive(SCHEDULER)
    working = await state.ledger.heartbeats.alive(WORKER)
    return {
        "redis": failing or "ok",
        "scheduler": "ok" if beating else "no heartbeat; start one",
        "worker": "ok" if working else "none alive; start one",
    }
