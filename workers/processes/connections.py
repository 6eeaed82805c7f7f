"""The ways to the ledger, to IT Glue and to PSAs that steps work over, opened and closed again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom

from workers.itglue.budget import KeyWatch, Throttle
from workers.itglue.client import ITGlue
from workers.itglue.http.transport import Hooks, Pool, Transport
from workers.itglue.tally import Tally, counted_at_the_end
from workers.ledger.installation.memory import Memory
from workers.ledger.ledger import Ledger
from workers.pipeline.steps.outcome import Context
from workers.processes.runtime import open_ledger
from workers.psa.companies import Asked
from workers.psa.watched import Watched
from workers.settings import Settings
from workers.times.clock import system_clock


@dataclass(frozen=True, slots=True)
class Connections:
    """The ledger and the ways to IT Glue, which all that one process has under way share."""

    ledger: Ledger
    pool: Pool


@asynccontextmanager
async def open_connections(
    settings: Settings, *, memory: Memory | None = None
) -> AsyncIterator[Connections]:
    """To the ledger and to IT Glue. None is made before it is needed."""
    async with (
        open_ledger(settings, memory=memory) as ledger,
        Pool(
            base_url=settings.itglue.base_url,
            api_key=settings.itglue.api_key,
            timeout_seconds=settings.itglue.timeout_seconds,
            in_flight=settings.itglue.max_concurrent_requests,
        ) as pool,
    ):
        yield Connections(ledger, pool)


@asynccontextmanager
async def context_over(
    connections: Connections,
    settings: Settings,
    *,
    while_stopped: bool = False,
    counts: bool = True,
) -> AsyncIterator[Context]:
    """What the steps of one deletion work with.

    `while_stopped` asks IT Glue although it refused the key too often; `counts` says whether what
    it answers now counts for that. Raises AnotherAccount: the record is for another IT Glue
    account; nothing is asked or sent.
    """
    ledger = connections.ledger
    await ledger.account.require_ours(system_clock())
    throttle = Throttle(
        ledger.budget,
        settings.itglue.requests_per_5_minutes,
        system_clock,
        while_stopped=while_stopped,
    )
    watch = KeyWatch(ledger.stop_switch, system_clock)
    tally = Tally()
    hooks = Hooks(
        throttle.before_request,
        throttle.after_answer,
        watch.key_judged if counts else None,
        tally.answered,
    )
    async with Asked(settings.sources) as companies, counted_at_the_end(tally, ledger.budget):
        types = await ledger.asset_types.load()
        yield Context(
            ledger=ledger,
            itglue=ITGlue(Transport(connections.pool, hooks), types),
            settings=settings,
            clock=system_clock,
            random=SystemRandom(),
            companies=Watched(companies, ledger, settings.sources, system_clock),
            tally=tally,
        )
    await ledger.asset_types.store(types)


@asynccontextmanager
async def open_context(
    settings: Settings,
    *,
    while_stopped: bool = False,
    counts: bool = True,
    memory: Memory | None = None,
) -> AsyncIterator[Context]:
    """The same over connections of its own. Raises AnotherAccount."""
    async with (
        open_connections(settings, memory=memory) as connections,
        context_over(connections, settings, while_stopped=while_stopped, counts=counts) as context,
    ):
        yield context
