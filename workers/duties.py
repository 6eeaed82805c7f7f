"""What the scheduler sees to besides the due scores, each at most so often, by one scheduler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from workers.ledger.ledger import Ledger
from workers.queue import JobQueue
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Duty:
    """One of them. It writes to the ledger or queues a job; it never waits for anybody else."""

    name: str
    every: timedelta
    run: Callable[[datetime], Awaitable[None]]


def duties(settings: Settings, ledger: Ledger, jobs: JobQueue) -> tuple[Duty, ...]:
    """All of them."""
    del settings, ledger, jobs
    return ()
