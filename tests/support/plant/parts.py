"""What runs in the processes: the real commands, and the sandbox."""

import os
import signal
import time
from collections.abc import Callable
from functools import partialmethod
from typing import Any

import anyio._backends._asyncio as anyio_backend
import httpcore
import uvicorn
from redis import Redis
from rq import Queue, Worker
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from uvicorn.lifespan import on
from uvicorn.loops import uvloop

from adapters.standard import adapter
from service.cli import cli
from service.commands import outbox, schedule, serve, work
from service.sandbox.app import create_sandbox
from tests.support.plant import stops
from tests.support.plant.crowd import Crowd, Stumbling, crowded
from workers.network.tls import public_authorities
from workers.processes.queue import QUEUE
from workers.processes.steady_worker import SteadyWorker
from workers.times.clock import system_clock

# Loaded before the fork, for what is killed and started again would load it again.
__all__ = [
    "adapter", "anyio_backend", "command", "httpcore", "on", "outbox", "sandbox", "schedule",
    "serve", "uvloop", "work",
]  # fmt: skip
for trust_env in (False, True):
    public_authorities(trust_env=trust_env)

# The moments of RQ's worker at which it can be struck, and the method that has just returned or,
# for the last one, is about to begin.
MOMENTS = {
    "popped": "dequeue_job_and_maintain_ttl",
    "prepared": "prepare_execution",
    "recorded": "handle_job_success",
}


def command(
    *arguments: str,
    watched: bool = False,
    moment: str = "",
    number: int = 0,
    monitored_every: int = 0,
) -> None:
    """One of our commands. `watched`: it can be stopped around its scripts.

    At a `moment` of RQ's worker the signal of this `number` strikes it, once. While a job runs RQ's
    worker speaks to Redis every 30 s, or as often as `monitored_every` says, in seconds.
    """
    if watched:
        stops.watch()
    if monitored_every:
        Worker.__init__ = partialmethod(  # type: ignore[assignment,method-assign]
            Worker.__init__, job_monitoring_interval=monitored_every
        )
    if moment:
        _strike(moment, signal.Signals(number))
    cli.main(args=list(arguments), prog_name="unglue", standalone_mode=False)


def sandbox(port: int, crowd: Crowd) -> None:
    """IT Glue, with a crowd of organizations."""
    app = create_sandbox(crowded(crowd), now=system_clock)
    uvicorn.run(
        Stumbling(app) if crowd.stumbles else app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
    )


def cleaner(url: str, ahead: float) -> None:
    """What a dashboard, an exporter or a second worker does to the books of RQ, `ahead` of time."""
    with Redis.from_url(url) as redis:
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        registry = StartedJobRegistry(queue=queue, serializer=JSONSerializer)
        registry.cleanup(timestamp=time.time() + ahead)


def _strike(moment: str, number: signal.Signals) -> None:
    worker = os.getpid()
    method: Callable[..., Any] = getattr(SteadyWorker, MOMENTS[moment])
    armed = True

    def struck() -> None:
        nonlocal armed
        if armed:
            armed = False
            os.kill(worker, number)
            if os.getpid() != worker:
                os.kill(os.getpid(), number)

    def around(self: SteadyWorker, *args: Any, **kwargs: Any) -> Any:
        if moment == "recorded":
            struck()
        result = method(self, *args, **kwargs)
        struck()
        return result

    setattr(SteadyWorker, MOMENTS[moment], around)
