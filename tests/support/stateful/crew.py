"""Workers, each with one job at a time and a client of its own."""

from itertools import count
from random import Random

from redis.exceptions import ConnectionError as ConnectionLost

from adapters.errors import NotFound
from tests.support.clock import TestClock
from tests.support.stateful.job import Job, Order, Stop
from tests.support.stateful.loop import MovedLoop
from tests.support.stateful.psa import StandIn
from workers.itglue.budget import KeyWatch, Throttle
from workers.itglue.client import ITGlue
from workers.itglue.http.transport import Hooks
from workers.ledger.deleting.deletions import Fenced
from workers.ledger.ledger import Ledger
from workers.pipeline.advance import advance
from workers.pipeline.steps.outcome import Context
from workers.psa.watched import Watched
from workers.settings import Settings


class Broken(AssertionError):
    """What must never happen has happened."""


class Crew:
    """The jobs that are under way, and those whose worker died. `settings` are the next job's."""

    def __init__(self, ledger: Ledger, clock: TestClock, loop: MovedLoop, psa: StandIn) -> None:
        self.ledger = ledger
        self.psa = psa
        self.clock = clock
        self.loop = loop
        self.settings: Settings
        self.jobs: list[Job] = []
        self.killed: list[Job] = []
        self.forgotten: set[str] = set()
        self._numbers = count(1)

    def work(
        self, deletion_id: str, stop: Stop | None = None, settings: Settings | None = None
    ) -> Job:
        """One job in a worker of its own, up to the stop or the end; perhaps with another file."""
        job = Job(next(self._numbers), deletion_id, settings or self.settings, self.loop)
        self.jobs.append(job)
        job.start(self._advance(job), stop)
        self.reap()
        return job

    async def _advance(self, job: Job) -> None:
        settings = job.settings.itglue
        throttle = Throttle(self.ledger.budget, settings.requests_per_5_minutes, self.clock)
        types = await self.ledger.asset_types.load()
        async with ITGlue.connect(
            base_url=settings.base_url,
            api_key=settings.api_key,
            timeout_seconds=settings.timeout_seconds,
            hooks=Hooks(
                throttle.before_request,
                throttle.after_answer,
                KeyWatch(self.ledger.stop_switch, self.clock).key_judged,
            ),
            types=types,
        ) as itglue:
            random = Random(job.number)  # noqa: S311 - jitter
            companies = Watched(self.psa, self.ledger, job.settings.sources, self.clock)
            context = Context(
                self.ledger, itglue, job.settings, self.clock, random, companies=companies
            )
            await advance(job.deletion_id, context)
        await self.ledger.asset_types.store(types)

    def resume(self, job: Job, order: Order = Order.GO, stop: Stop | None = None) -> None:
        """A stopped worker goes on."""
        job.resume(order, stop)
        self.reap()

    def kill(self, job: Job) -> None:
        """A worker dies. (What it would do if it had only been stopped is tried in the end.)"""
        self.jobs.remove(job)
        job.stop_everywhere()
        self.killed.append(job)

    def time_out(self, job: Job) -> None:
        """A job's time limit strikes."""
        job.cancel()
        self.reap()

    def reap(self) -> None:
        """Take note of the jobs that are done. Raises Broken."""
        for job in [each for each in self.jobs if each.done]:
            self.jobs.remove(job)
            self.ended(job)

    def ended(self, job: Job) -> None:
        """Whether a job ended as it may. Raises Broken: it did not."""
        error = job.error()
        if isinstance(error, NotFound) and job.deletion_id in self.forgotten:
            return
        if error is not None and not isinstance(error, Fenced | ConnectionLost):
            raise Broken(f"a job of {job.deletion_id} ended in {error!r}") from error
