"""The two lines on which a job speaks: scripts to the ledger and requests to IT Glue.

Both pass the job's gate before and after, and tell the watcher what was said. Commands go to a
real Valkey, each at once: an event loop that waits for sockets would not repeat itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, cast

import httpx
import redis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from tests.support.stateful.account import ELSEWHERE, Account, Asked
from tests.support.stateful.job import JOB, Job, Order
from workers.ledger.store import Store


class Watcher(Protocol):
    """Is told of everything a job says and hears."""

    def ran(self, job: Job | None, script: str, args: Sequence[Any], answer: Any) -> None:
        """A script ran; nobody may know its answer yet."""

    def told(self, job: Job, script: str, answer: Any) -> None:
        """The job got this answer."""

    def sending(self, asked: Asked) -> None:
        """A request leaves the worker."""

    def heard(self, asked: Asked, answer: httpx.Response) -> None:
        """The worker got this answer."""


class Together:
    """A pipeline of an asynchronous client, carried out at once by a blocking one."""

    def __init__(self, pipeline: "redis.client.Pipeline") -> None:
        self._pipeline = pipeline

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._pipeline.reset()

    async def execute(self) -> list[Any]:
        return list(self._pipeline.execute())

    def __getattr__(self, command: str) -> Callable[..., Any]:
        return cast("Callable[..., Any]", getattr(self._pipeline, command))


class InPlace:
    """The commands of an asynchronous client, carried out at once by a blocking one."""

    def __init__(self, server: "redis.Redis") -> None:
        self._server = server

    def register_script(self, text: str) -> Callable[..., Awaitable[Any]]:
        script = self._server.register_script(text)

        async def run(keys: Sequence[str], args: Sequence[Any]) -> Any:
            return script(keys=keys, args=args)

        return run

    def pipeline(self, *, transaction: bool = True) -> Together:
        return Together(self._server.pipeline(transaction=transaction))

    def __getattr__(self, command: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._server, command)

        async def run(*args: Any, **options: Any) -> Any:
            return method(*args, **options)

        return run


class WatchedStore(Store):
    """The ledger's store, whose connection may be lost around every script.

    `misfortune` is what happens to the next script that no job runs: the service's own.
    """

    def __init__(self, server: "redis.Redis", watcher: Watcher, **options: Any) -> None:
        super().__init__(cast("Redis", InPlace(server)), **options)
        self._watcher = watcher
        self._reads_may_go = False
        self.misfortune, self.aimed_at = Order.GO, ""

    async def run(
        self, name: str, *args: Any, durable: bool = False, replicated: bool = False
    ) -> Any:
        # The server of this test does not crash, so nothing waits for its disk.
        del durable, replicated
        job = JOB.get()
        if name == "take_request" and not args[-1]:
            return await self._taken(args)
        point = "budget" if name == "take_request" else name
        if job is None:
            return await self._unobstructed(job, name, args)
        if await job.gate(f"{point}:before") is Order.LOSE:
            raise ConnectionLost("lost before the script")
        answer = await self._told_of(job, name, args)
        order = await job.gate(f"{point}:after")
        if order is Order.LOSE:
            raise ConnectionLost("lost after the script")
        if order is Order.REPEAT:
            answer = await self._told_of(job, name, args)
        self._watcher.told(job, name, answer)
        return answer

    async def _taken(self, args: Sequence[Any]) -> Any:
        """A read's share of the budget, which no sequence uses up.

        Only what others decide can hold it, so it is asked for again after each decision.
        """
        if not self._reads_may_go:
            answer = await super().run("take_request", *args)
            self._reads_may_go = not answer
            return answer
        return 0

    async def _unobstructed(self, job: Job | None, name: str, args: Sequence[Any]) -> Any:
        if name == "take_quarantined" or self.aimed_at not in {"", name}:
            # It only counts who begins; the script that records is the one to be hit.
            return await self._told_of(job, name, args)
        misfortune, self.misfortune = self.misfortune, Order.GO
        answer = await self._told_of(job, name, args)
        if misfortune is Order.REPEAT:
            answer = await self._told_of(job, name, args)
        if misfortune is Order.LOSE:
            raise ConnectionLost("lost after the script")
        return answer

    async def _told_of(self, job: Job | None, name: str, args: Sequence[Any]) -> Any:
        self._reads_may_go = False
        answer = await super().run(name, *args)
        self._watcher.ran(job, name, args, answer)
        return answer


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """From the client to the sandbox. The sandbox acts on what arrived, whoever went away."""

    account: Account
    watcher: Watcher
    step_of: Callable[[str], str]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        job = JOB.get()
        assert job is not None, "only jobs speak to IT Glue"
        asked = Asked(
            job,
            request.method,
            request.url.path,
            request.url.query.decode(),
            await request.aread(),
            tuple(request.headers.raw),
            elsewhere=str(request.url).startswith(ELSEWHERE),
        )
        point = self._point(job, asked)
        if await job.gate(f"{point}:before") is Order.LOSE:
            raise httpx.ConnectError("refused")
        self.watcher.sending(asked)
        serving = asyncio.get_running_loop().create_task(self.account.serve(asked))
        answer = await asyncio.shield(serving)
        if await job.gate(f"{point}:after") is Order.LOSE:
            raise httpx.ReadError("the connection broke off")
        if isinstance(answer, Exception):
            raise answer
        self.watcher.heard(asked, answer)
        return answer

    def _point(self, job: Job, asked: Asked) -> str:
        if asked.method != "GET":
            return asked.method
        if asked.shows is not None:
            return f"show@{self.step_of(job.deletion_id)}"
        return "list" if asked.path == "/organizations" else "read"
