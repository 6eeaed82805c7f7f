"""What the scheduler sees to besides the due scores, each at most so often, by one scheduler."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from workers.audit.keys import Keyring
from workers.audit.writer import AuditWriter
from workers.intake.spool.overdue import tell_of_holding_spools
from workers.ledger.ledger import Ledger
from workers.pipeline.protection import record_file
from workers.processes.queue import JobQueue
from workers.settings import Settings
from workers.settings.schedules import catch_ups
from workers.times.cron import newest_tick
from workers.upkeep.packing import Packing
from workers.upkeep.retention import Retention
from workers.upkeep.room import look_at_room
from workers.upkeep.silence import tell_of_silent_sources


@dataclass(frozen=True, slots=True)
class Duty:
    """One of them. It writes to the ledger or queues a job; it never waits for anybody else."""

    name: str
    every: timedelta
    run: Callable[[datetime], Awaitable[None]]


def duties(settings: Settings, ledger: Ledger, jobs: JobQueue) -> tuple[Duty, ...]:
    """All of them."""
    return (
        _file_protections(settings, ledger),
        *_sweeps(settings, ledger),
        *_catch_ups(settings, ledger),
        *_audit(settings, ledger),
        Duty("silence", timedelta(hours=1), partial(tell_of_silent_sources, settings, ledger)),
        Duty("spools", timedelta(minutes=1), partial(tell_of_holding_spools, ledger)),
        Duty("unproved", timedelta(minutes=1), ledger.quarantine.tell),
        Duty("held", timedelta(minutes=1), ledger.holds.tell),
        Duty("retention", timedelta(minutes=1), Retention(ledger).prune),
        Duty("packing", timedelta(seconds=5), Packing(ledger).pack),
        Duty("room", timedelta(minutes=1), partial(look_at_room, ledger)),
        _daily_read(ledger, jobs),
    )


def _file_protections(settings: Settings, ledger: Ledger) -> Duty:
    """`policy.protected_ids` enters the record; a file that changed is another duty, so at once."""
    ids = settings.policy.protected_ids
    digest = hashlib.sha256(" ".join(sorted(ids)).encode()).hexdigest()[:16]
    record = partial(record_file, ids, ledger.protections)
    return Duty(f"protected_ids:{digest}", timedelta(hours=1), record)


def _sweeps(settings: Settings, ledger: Ledger) -> tuple[Duty, ...]:
    """The sweeps that are due; each of a schedule's times is claimed where its sweep is made."""

    async def run(now: datetime) -> None:
        for name, schedule in settings.sweeps.items():
            tick = newest_tick(schedule.cron, schedule.timezone, now)
            times = f"{schedule.cron} {schedule.timezone}"
            await ledger.sweeps.begin_due(name, times, tick, now)

    return (Duty("sweeps", timedelta(seconds=1), run),) if settings.sweeps else ()


def _catch_ups(settings: Settings, ledger: Ledger) -> tuple[Duty, ...]:
    """The catch-ups that are due. One that was missed, however long ago, begins at once."""
    times = catch_ups(settings.schedules, settings.sources)

    async def run(now: datetime) -> None:
        for source, (cron, zone) in times.items():
            await ledger.catch_ups.begin(source, newest_tick(cron, zone, now), now)

    return (Duty("catch_ups", timedelta(seconds=5), run),) if times else ()


def _audit(settings: Settings, ledger: Ledger) -> tuple[Duty, ...]:
    writer = AuditWriter(
        ledger,
        Keyring.of(settings.secret_keys),
        path=settings.audit.file,
        keep=settings.audit.keep_entries,
    )
    second = timedelta(seconds=1)
    chain = Duty("audit", second, writer.write)
    if not settings.audit.file:
        return (chain,)
    # Each scheduler has a file of its own machine, so each sees to it: the claim is its own. First,
    # because what the file has and Redis lost must not be numbered again.
    return Duty(f"audit_file_{secrets.token_hex(8)}", second, writer.follow), chain


def _daily_read(ledger: Ledger, jobs: JobQueue) -> Duty:
    """Keeps the key alive; a worker makes it, for the scheduler waits for nobody."""

    async def run(_now: datetime) -> None:
        await jobs.enqueue("read_the_account", "account", await ledger.account.next_read())

    return Duty("daily_read", timedelta(days=1), run)
