"""`unglue worker`: carry deletions out."""

import click
import structlog

from service.checks import start_up
from workers.worker import run_worker

log = structlog.get_logger()


@click.command()
def worker() -> None:
    """Carry deletions out. Start as many as you like; each takes one at a time."""
    settings = start_up()
    log.info("working", mode=settings.policy.mode)
    run_worker(settings)
