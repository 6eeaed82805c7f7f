"""A real worker on which some kinds of work end its job's process or its sender, as a kill does."""

import os
import signal
import sys
from typing import Never

from workers.bulk.replay import walk as replay_walk
from workers.bulk.sweep import walk as sweep_walk
from workers.intake.intake import Intake
from workers.outbox import send
from workers.pipeline.steps import plan
from workers.processes.worker import run_worker
from workers.settings import load_settings


async def _die(*_args: object, **_more: object) -> Never:
    """The job's process only: the worker lives, and takes the next job."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


_PLACES = {
    "deletion": (plan, "make_plan"),
    "callback": (send, "_post"),
    "sweep": (sweep_walk.Walk, "step"),
    "replay": (replay_walk, "_replay"),
    "quarantine": (Intake, "_verify"),
}

if __name__ == "__main__":
    for kind in sys.argv[1:]:
        setattr(*_PLACES[kind], _die)
    run_worker(load_settings(), outbox=True)
