"""`unglue worker`: carry deletions out."""

import click
import structlog

from service.supervision.checks import start_up
from workers.processes.worker import run_worker

log = structlog.get_logger()


@click.command()
@click.option(
    "--outbox/--no-outbox",
    default=True,
    help="Whether a process beside it sends results and notifications, as unglue outbox does.",
)
def worker(*, outbox: bool) -> None:
    """Carry deletions out. Start as many as you like; each takes one at a time."""
    settings = start_up("worker")
    log.info("working", mode=settings.policy.mode, outbox=outbox)
    run_worker(settings, outbox=outbox)
