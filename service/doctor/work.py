"""What `doctor` says of the work: who is alive, what holds it, does it break off, is it told."""

from collections import Counter
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Final

from adapters.counting import counted
from service.doctor.finding import Finding
from service.doctor.ledger import ACCEPT
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER, SERVICE, WORKER, Call
from workers.ledger.installation.stop_switch import LEDGER_LOST
from workers.ledger.ledger import Ledger
from workers.processes.runtime import queue_of
from workers.settings import Settings
from workers.times.clock import Clock, rfc3339
from workers.upkeep.heartbeat import unwell
from workers.upkeep.silence import GONE

# A job that breaks off once may have been killed with its machine.
_MANY: Final = 3
# As RQ keeps what failed: its score is when it is forgotten.
_KEPT: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)
_LATE: Final = timedelta(minutes=3)
# Of each part: what stays undone without it, and how it is started.
_PARTS = (
    (SERVICE, "no webhook is taken in, and no command answered", "unglue serve"),
    (SCHEDULER, "what waits is never looked at again", "unglue scheduler"),
    (WORKER, "what is accepted stays queued", "unglue worker"),
    (
        OUTBOX,
        "results and notifications stay where they are",
        "unglue outbox, or a worker without --no-outbox",
    ),
)
_CURES: Final = {
    "rejected": "correct the source and replay them, or look at them: unglue holds, then dismiss",
    "unverified": "look at the way to the vendor's key server; or: unglue holds, then dismiss",
}
_SAID: Final = {"rejected": "not understood", "unverified": "not proved to be genuine"}


async def heartbeats(_settings: Settings, ledger: Ledger, _clock: Clock) -> AsyncGenerator[Finding]:
    """Who is alive."""
    for part, without, cure in _PARTS:
        if await ledger.heartbeats.alive(part):
            yield Finding(part, "ok", "alive")
        else:
            yield Finding(part, "fail", f"none is alive: {without}", f"start: {cure}")


async def unreached(settings: Settings, ledger: Ledger, _clock: Clock) -> AsyncGenerator[Finding]:
    """Who cannot be reached, of those whom results and notifications go to."""
    for host, since in (await ledger.hosts.all_silent()).items():
        message = f"{host} has not answered since {rfc3339(since)}; what is for it waits"
        yield Finding("outbox", "warn", message, "look at it; unglue results shows what waits")
    for name, status in (await ledger.hosts.failing_targets()).items():
        if name in settings.notifications:
            seen = "no answer" if status is None else f"status {status}"
            cure = f"correct notifications.{name}.url, then: unglue notifications test"
            yield Finding("notifications", "warn", f"{name} fails: {seen}", cure)


async def gone(settings: Settings, ledger: Ledger, _clock: Clock) -> AsyncGenerator[Finding]:
    """Sources that sent something and stand in the file no more."""
    for name, last in (await ledger.sources.others(settings.sources)).items():
        message = f"{name} sent something at {rfc3339(last)} and is not configured any more"
        yield Finding("sources", "warn", message, GONE)


async def holds(_settings: Settings, ledger: Ledger, _clock: Clock) -> AsyncGenerator[Finding]:
    """What holds deletions: deliveries, one line a source and verdict, and pauses."""
    held = await ledger.holds.all()
    for source, verdict in sorted({(each.source, each.verdict) for each in held}):
        these = [each for each in held if (each.source, each.verdict) == (source, verdict)]
        reasons = Counter(each.reason for each in these)
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        clients = {client for each in these for client in each.clients}
        every = any(not each.clients for each in these)
        whose = "all deletions" if every else f"the deletions of {counted(len(clients), 'clients')}"
        since = rfc3339(these[0].at)
        many = counted(len(these), "deliveries hold", "delivery holds")
        said = f"{many} {whose} of {source} since {since}: {_SAID[verdict]} ({why})"
        yield Finding(f"source {source}", "warn", said, _CURES[verdict])
    for pause in await ledger.stop_switch.pauses():
        lost = pause.cause == LEDGER_LOST
        cure = ACCEPT if lost else "when its reason is gone: unglue resume"
        yield Finding("deletions", "warn", pause.words, cure)


async def work_findings(
    settings: Settings, ledger: Ledger, clock: Clock
) -> AsyncGenerator[Finding]:
    """Is it taken up, does it break off, and is it told outside?"""
    now = clock()
    measures = await ledger.measuring.now(now, settings.sources)
    for said in unwell(measures):
        # Who is alive, and pauses, are findings of their own.
        if not said.startswith(("no ", "paused")):
            cure = "is a scheduler alive, and are there workers enough? see their logs"
            yield Finding("deletions", "warn", said, cure)
    since = int((now - _HOUR + _KEPT).timestamp())
    name = f"rq:failed:{queue_of(settings)}"
    broken = await ledger.store.redis.zcount(name, since, "+inf")
    if broken >= _MANY:
        cure = "look at them in /rq, and at the workers' logs: memory, or a fault of Unglue"
        yield Finding("worker", "warn", f"{broken} jobs broke off within an hour", cure)
    if settings.heartbeat.url is not None:
        yield _called(await ledger.heartbeats.newest_call(), now)


def _called(call: Call | None, now: datetime) -> Finding:
    part = "heartbeat"
    if call is None:
        return Finding(part, "warn", "was never sent", "start: unglue scheduler")
    if now - call.at > _LATE:
        said = f"was last thought of at {rfc3339(call.at)}"
        return Finding(part, "warn", said, "start: unglue scheduler")
    match call.state:
        case "withheld":
            cure = "cure what the other findings name"
            return Finding(part, "warn", f"is withheld: {call.why}", cure)
        case "failed":
            return Finding(part, "warn", f"is not taken: {call.why}", "correct heartbeat.url")
        case _:
            return Finding(part, "ok", f"sent at {rfc3339(call.at)}")
