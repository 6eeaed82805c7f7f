"""The connection, the key names and the scripts that the ledger's parts share."""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import NoScriptError, RedisError, ResponseError

from adapters.errors import NotFound
from workers.ledger.installation.condition import NotDurable
from workers.ledger.installation.memory import Memory
from workers.times.clock import to_ms
from workers.times.durations import milliseconds
from workers.traces.tracing import carried

PREFIX = "unglue:"
_FOLDER = resources.files("workers.ledger") / "scripts"
_LOOKED_THROUGH: Final = 200
# Of a kind of work that is not deletions: they share the queue, which is kept short.
_MOST_AT_ONCE: Final = 4


def text(flat: Sequence[bytes]) -> dict[str, str]:
    """The fields of a hash, from the flat list that a script answers."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}


def numbered(flat: Sequence[bytes]) -> list[tuple[str, int]]:
    """Names and the numbers of their jobs, from the flat list that a script answers."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [(name.decode(), int(number)) for name, number in pairs]


class Store:
    """One connection that does not decode answers (bodies are bytes), and what all scripts need.

    `lease` is how long a taker keeps a record, `requeue_after` when the scheduler looks again at
    what it queued, `retention` how long event ids are kept; all in milliseconds. While it works a
    taker renews its lease every `beat`; `holder` is what its process is known by. With `fsync`
    nothing that must be durable is believed to be before Redis has it on disk; `confirm_within` is
    how long to wait for that. `memory` says which ledger is expected. With `own_clock` the times
    handed in are not compared with the server's: a rehearsal moves its clock.
    """

    def __init__(  # noqa: PLR0913 - what the parts share, each by its name
        self,
        redis: Redis,
        *,
        queue_key: str,
        lease: timedelta,
        requeue_after: timedelta,
        retention: timedelta,
        prefix: str = PREFIX,
        fsync: bool = False,
        confirm_within: timedelta = timedelta(seconds=1),
        memory: Memory | None = None,
        own_clock: bool = False,
        beat: timedelta = timedelta(seconds=3),
        holder: str = "",
    ) -> None:
        self.redis = redis
        self.memory = memory or Memory()
        self.own_clock = own_clock
        self.beat = beat
        self.holder = holder
        self.fsync = fsync
        self._confirm_within = milliseconds(confirm_within)
        self.queue_key = queue_key
        self.lease = milliseconds(lease)
        self.requeue_after = milliseconds(requeue_after)
        self.retention = milliseconds(retention)
        self._prefix = prefix
        self._scripts: dict[str, AsyncScript] = {}

    @property
    def own(self) -> str:
        """`own_clock`, as the scripts are told of it."""
        return "1" if self.own_clock else ""

    def key(self, *parts: str) -> str:
        """The Redis key of a record."""
        return self._prefix + ":".join(parts)

    async def hash(self, *parts: str) -> dict[str, str]:
        """The fields of a record, all of them text; empty if there is none."""
        fields = cast("dict[bytes, bytes]", await self.redis.hgetall(self.key(*parts)))
        return {name.decode(): value.decode() for name, value in fields.items()}

    async def found(self, kind: str, name: str, called: str = "") -> dict[str, str]:
        """The fields of the record that is asked for; `called` is what people call its kind.

        Raises:
            NotFound: there is none.
        """
        fields = await self.hash(kind, name)
        if "id" not in fields:
            raise NotFound(f"there is no {called or kind} {name}")
        return fields

    async def carry_trace(self, deletion_id: str) -> None:
        """Let whoever goes on with this deletion find the trace of what goes on here, if any."""
        if context := carried():
            # What was decided stands, traced or not.
            with contextlib.suppress(RedisError, OSError):
                await self.run("carry_trace", [deletion_id, context])

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

    async def run(self, name: str, args: Sequence[Any], *, durable: bool = False) -> Any:  # noqa: ANN401 - each script has its own form of answer, which its caller knows
        """The answer of the script of this name, which is one atomic decision.

        With `durable`, after Redis has on disk what was decided. A server without append-only file
        cannot, and that is an error only with `fsync`.

        Raises:
            NotDurable: it was decided, and was not seen on disk.
            NotFound: the record that somebody named is not there.
        """
        try:
            return await self._run(self._script(name), args, durable=durable)
        except ResponseError as error:
            word, _, message = str(error).partition(" ")
            if word != "NOTFOUND":
                raise
            raise NotFound(message) from None

    async def _run(self, script: AsyncScript, args: Sequence[Any], *, durable: bool) -> Any:  # noqa: ANN401 - the same
        if not durable:
            return await script(keys=[self._prefix], args=args)
        answers = await self._confirmed(script, args)
        if isinstance(answers[0], NoScriptError):
            await self.redis.script_load(script.script)
            answers = await self._confirmed(script, args)
        for failed in answers[:2]:
            if isinstance(failed, Exception):
                raise failed
        answer, confirmed = answers[0], answers[2]
        if isinstance(confirmed, Exception):
            if not self.fsync:
                return answer
            raise NotDurable(f"Redis cannot confirm that it is on disk: {confirmed}", answer)
        if int(confirmed[0]) < 1:
            raise NotDurable("Redis did not have it on disk in time", answer)
        return answer

    def _script(self, name: str) -> AsyncScript:
        if name not in self._scripts:
            prelude = (_FOLDER / "prelude.lua").read_text(encoding="utf-8")
            body = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
            self._scripts[name] = self.redis.register_script(f"{prelude}\n{body}")
        return self._scripts[name]

    async def _confirmed(self, script: AsyncScript, args: Sequence[Any]) -> list[Any]:
        """The answers to the script, to a write of ours, and to whether all of it is on disk.

        WAITAOF waits for what its own connection wrote, so all three go over one. If they are
        repeated together, the script finds its work done and writes nothing; the marker is written
        after whatever it wrote before, and the file has an order.
        """
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.evalsha(script.sha, 1, self._prefix, *args)
        pipeline.set(self.key("marker"), "1")
        pipeline.execute_command("WAITAOF", 1, 0, self._confirm_within)
        return await pipeline.execute(raise_on_error=False)

    async def due(self, index: str, kind: str, now: datetime) -> list[tuple[str, int]]:
        """Some of what is due and in no queue, each with the number of its next job."""
        at = to_ms(now)
        flat = await self.run(
            "due", [index, kind, at, at + self.requeue_after, _LOOKED_THROUGH, _MOST_AT_ONCE]
        )
        return numbered(flat)
