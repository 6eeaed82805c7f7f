"""The connection, the key names and the scripts that the ledger's parts share."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import NoScriptError, RedisError, ResponseError

from adapters.errors import NotFound
from workers.ledger.installation.condition import NotDurable, condition_of
from workers.ledger.installation.memory import Memory
from workers.ledger.packing import open_record
from workers.times.clock import to_ms
from workers.times.durations import milliseconds
from workers.traces.tracing import carried

PREFIX = "unglue:"
_FOLDER = resources.files("workers.ledger") / "scripts"
_LOOKED_THROUGH: Final = 200
# Of a kind of work that is not deletions: they share the queue, which is kept short.
_MOST_AT_ONCE: Final = 4
# A replica that is there has it within some milliseconds.
REPLICA_MS: Final = 400
_NUDGE_SECONDS: Final = 0.002
_MOST_NUDGE_SECONDS: Final = 0.05
# What most arguments are.
_AS_IT_IS: Final = frozenset({str, bytes, int})


@cache
def source(name: str) -> str:
    """The script of this name, with what all of them share in front."""
    prelude = (_FOLDER / "prelude.lua").read_text(encoding="utf-8")
    return f"{prelude}\n{(_FOLDER / f'{name}.lua').read_text(encoding='utf-8')}"


def text(flat: Sequence[bytes]) -> dict[str, str]:
    """The fields of a hash, from the flat list that a script answers."""
    return record_of(dict(zip(flat[::2], flat[1::2], strict=True)))[0]


def record_of(raw: Mapping[bytes, bytes]) -> tuple[dict[str, str], list[str]]:
    """The fields of a record as text, and the packed lines of its journal. Raises ValueError."""
    kept, lines, rest = open_record(raw)
    # What was written since it was packed is newer.
    return {**kept, **{name.decode(): value.decode() for name, value in rest.items()}}, lines


def numbered(flat: Sequence[bytes]) -> list[tuple[str, int]]:
    """Names and the numbers of their jobs, from the flat list that a script answers."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [(name.decode(), int(number)) for name, number in pairs]


def _argument(value: object) -> Any:  # noqa: ANN401 - what a connection takes
    if type(value) in _AS_IT_IS:
        return value
    match value:
        case None | False:
            return ""
        case True:
            return "1"
        case datetime():
            return to_ms(value)
        case timedelta():
            return milliseconds(value)
    return value


@dataclass(eq=False)
class Store:
    """One connection that does not decode answers (bodies are bytes), and what all scripts need.

    `lease` is how long a taker keeps a record, `requeue_after` when the scheduler looks again at
    what it queued, `retention` how long event ids are kept. While it works a
    taker renews its lease every `beat`; `holder` is what its process is known by. With `fsync`
    nothing that must be durable is believed to be before Redis has it on disk, nor before
    `min_replicas` have it; `confirm_within` is how long to wait for the disk. `memory` says which
    ledger is expected. With `own_clock` the times handed in are not compared with the server's: a
    rehearsal moves its clock.
    """

    redis: Redis
    _: KW_ONLY
    queue_key: str
    lease: timedelta
    requeue_after: timedelta
    retention: timedelta
    prefix: str = PREFIX
    fsync: bool = False
    min_replicas: int = 0
    confirm_within: timedelta = timedelta(seconds=1)
    memory: Memory = field(default_factory=Memory)
    own_clock: bool = False
    beat: timedelta = timedelta(seconds=3)
    holder: str = ""
    _scripts: dict[str, AsyncScript] = field(default_factory=dict)

    def key(self, *parts: str) -> str:
        """The Redis key of a record."""
        return self.prefix + ":".join(parts)

    async def hash(self, *parts: str) -> dict[str, str]:
        """The fields of a record, all of them text; empty if there is none."""
        return record_of(cast("dict[bytes, bytes]", await self.redis.hgetall(self.key(*parts))))[0]

    async def value(self, field: str, *parts: str) -> str | None:
        """This field of a record, as text; `None` if it is not there."""
        found = cast("bytes | None", await self.redis.hget(self.key(*parts), field))
        return found.decode() if found is not None else None

    async def found(self, kind: str, name: str, called: str = "") -> dict[str, str]:
        """The fields of the record; `called` is what people call its kind. Raises NotFound."""
        fields = await self.hash(kind, name)
        if "id" not in fields:
            raise NotFound(f"there is no {called or kind} {name}")
        return fields

    async def carry_trace(self, deletion_id: str) -> None:
        """Let whoever goes on with this deletion find the trace of what goes on here, if any."""
        if context := carried():
            # What was decided stands, traced or not.
            with contextlib.suppress(RedisError, OSError):
                await self.run("carry_trace", deletion_id, context)

    async def server_ms(self) -> int:
        """The server's own clock, in milliseconds."""
        seconds, microseconds = await self.redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def can_confirm(self) -> bool:
        """Whether the server says when something is on disk (WAITAOF: Redis 7.2, Valkey)."""
        try:
            await self.redis.execute_command("WAITAOF", 0, 0, 1)  # type: ignore[no-untyped-call] # redis-py names no such command
        except ResponseError:
            return False
        return True

    async def run(
        self, name: str, *given: object, durable: bool = False, replicated: bool = False
    ) -> Any:  # noqa: ANN401 - each script has its own form of answer, which its caller knows
        """The answer of the script of this name, which is one atomic decision.

        Of what it is given, moments and durations become milliseconds, yes and no "1" and "", and
        nothing "".

        With `durable`, after Redis has on disk what was decided: a server that cannot confirm that
        is an error only with `fsync`. With either, after `min_replicas` have it, and all that was
        decided before by whomever.

        Raises:
            NotDurable: it was decided, and was not seen on disk, or at the replicas.
            NotFound: the record that somebody named is not there.
        """
        replicated = (durable or replicated) and self.min_replicas > 0
        args = [_argument(each) for each in given]
        try:
            if not durable and not replicated:
                return await self._script(name)(keys=[self.prefix], args=args)
            return await self._confirmed(self._script(name), args, durable, replicated)
        except ResponseError as error:
            word, _, message = str(error).partition(" ")
            if word != "NOTFOUND":
                raise
            raise NotFound(message) from None

    async def run_together(
        self, name: str, calls: Sequence[Sequence[Any]], *, durable: bool
    ) -> list[Any]:
        """The answers to each of the calls of a script that takes one after another.

        Each is a decision of its own: where one fails, its answer is the error, which is then none
        of the others'. They wait for the replicas together, and with `durable` for the disk. Raises
        redis.RedisError: there are no answers: the way to Redis broke.
        """
        args = [each for call in calls for each in call]
        try:
            answers = await self.run(name, *args, durable=durable, replicated=True)
        except NotDurable as unsure:
            return [
                answer if isinstance(answer, Exception) else NotDurable(str(unsure), answer)
                for answer in cast("list[Any]", unsure.answer)
            ]
        return cast("list[Any]", answers)

    async def _confirmed(
        self, script: AsyncScript, args: Sequence[Any], durable: bool, replicated: bool
    ) -> Any:  # noqa: ANN401 - as `run`
        confirming = list[tuple[Any, ...]]()
        if replicated:
            confirming.append(("WAIT", self.min_replicas, REPLICA_MS))
        if durable:
            confirming.append(("WAITAOF", 1, 0, milliseconds(self.confirm_within)))
        answer, tip, *confirmed = await self._answered(script, args, confirming)
        if isinstance(answer, NoScriptError):
            await self.redis.script_load(script.script)
            answer, tip, *confirmed = await self._answered(script, args, confirming)
        if isinstance(answer, Exception):
            raise answer
        if problem := await self._unconfirmed(confirmed, durable=durable):
            raise problem if isinstance(problem, Exception) else NotDurable(problem, answer)
        if isinstance(tip, bytes):
            self.memory.wrote(tip.decode())
        return answer

    async def _unconfirmed(self, confirmed: Sequence[Any], *, durable: bool) -> str | Exception:
        """Why what was decided may yet be lost, "" if it may not."""
        marked, *arrived = confirmed
        if isinstance(marked, Exception):
            return marked
        if durable and (problem := await self._not_on_disk(arrived.pop())):
            return problem
        for replicas in arrived:
            if isinstance(replicas, Exception):
                return f"Redis cannot confirm its replicas: {replicas}"
            if int(replicas) < self.min_replicas:
                return "too few replicas had it in time"
        return ""

    async def _not_on_disk(self, on_disk: Any) -> str:  # noqa: ANN401 - WAITAOF's answer
        if not isinstance(on_disk, Exception):
            return "" if int(on_disk[0]) else "Redis did not have it on disk in time"
        if self.fsync and await self.appendfsync() != "always":
            return f"Redis cannot confirm that it is on disk: {on_disk}"
        return ""

    async def appendfsync(self) -> str | None:
        """How often Redis syncs its file, `None` where it keeps none or does not say."""
        try:
            config: dict[Any, Any] = await self.redis.config_get("append*")
        except ResponseError as error:
            # A managed server does not show it, nor does one to a user of few rights.
            if condition_of(error) not in {None, "password"}:
                raise
            return None
        return config.get("appendfsync") if config.get("appendonly") == "yes" else None

    def _script(self, name: str) -> AsyncScript:
        if name not in self._scripts:
            self._scripts[name] = self.redis.register_script(source(name))
        return self._scripts[name]

    async def _answered(
        self, script: AsyncScript, args: Sequence[Any], confirming: Sequence[tuple[Any, ...]]
    ) -> list[Any]:
        """The answer to the script, the ledger's tip, and the answers to where it has arrived.

        WAIT and WAITAOF wait for what their own connection wrote, so all of it goes over one, with
        a write of ours. If they are repeated together, the script finds its work done and writes
        nothing; the marker is written after whatever was written before, and the file and the
        replicas have an order.
        """
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.evalsha(script.sha, 1, self.prefix, *args)
        pipeline.lindex(self.key("audit", "tips"), -1)
        pipeline.set(self.key("marker"), "1")
        for command in confirming:
            pipeline.execute_command(*command)
        return await self._nudged(pipeline.execute(raise_on_error=False))

    async def _nudged(self, answering: Coroutine[Any, Any, list[Any]]) -> list[Any]:
        """The answers, with the server kept awake.

        Where the disk is not written for each command, an idle server looks only ten times a second
        whether somebody who waits for it may go on.
        """
        task, pause = asyncio.ensure_future(answering), _NUDGE_SECONDS
        try:
            while not (await asyncio.wait({task}, timeout=pause))[0]:
                pause = min(2 * pause, _MOST_NUDGE_SECONDS)
                with contextlib.suppress(RedisError, OSError):
                    await self.redis.ping()
            return task.result()
        finally:
            task.cancel()

    async def due(self, index: str, kind: str, now: datetime) -> list[tuple[str, int]]:
        """Some of what is due and in no queue, each with the number of its next job."""
        bounds = (now + self.requeue_after, _LOOKED_THROUGH, _MOST_AT_ONCE)
        return numbered(await self.run("due", index, kind, now, *bounds))


class Part:
    """A part of the record, over the store that all parts share."""

    def __init__(self, store: Store) -> None:
        self._store = store
