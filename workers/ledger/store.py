"""The connection, the key names and the scripts that the ledger's parts share."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from workers.clock import to_ms
from workers.durations import milliseconds

PREFIX = "unglue:"
_FOLDER = resources.files("workers.ledger") / "scripts"


def text(flat: Sequence[bytes]) -> dict[str, str]:
    """The fields of a hash, from the flat list that a script answers."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}


class Store:
    """One connection that does not decode answers (bodies are bytes), and what all scripts need.

    `lease` is how long a taker keeps a record, `requeue_after` when the scheduler looks again at
    what it queued, `retention` how long event ids are kept; all in milliseconds.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        queue_key: str,
        lease: timedelta,
        requeue_after: timedelta,
        retention: timedelta,
        prefix: str = PREFIX,
    ) -> None:
        self.redis = redis
        self.queue_key = queue_key
        self.lease = milliseconds(lease)
        self.requeue_after = milliseconds(requeue_after)
        self.retention = milliseconds(retention)
        self._prefix = prefix
        self._scripts: dict[str, AsyncScript] = {}

    def key(self, *parts: str) -> str:
        """The Redis key of a record."""
        return self._prefix + ":".join(parts)

    async def hash(self, *parts: str) -> dict[str, bytes]:
        """The fields of a record, empty if there is none."""
        fields = cast("dict[bytes, bytes]", await self.redis.hgetall(self.key(*parts)))
        return {name.decode(): value for name, value in fields.items()}

    async def run(self, name: str, args: Sequence[Any]) -> Any:  # noqa: ANN401 - each script has its own form of answer, which its caller knows
        """The answer of the script of this name, which is one atomic decision."""
        if name not in self._scripts:
            prelude = (_FOLDER / "prelude.lua").read_text(encoding="utf-8")
            body = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
            self._scripts[name] = self.redis.register_script(f"{prelude}\n{body}")
        return await self._scripts[name](keys=[self._prefix], args=args)

    async def due(
        self, index: str, kind: str, now: datetime, *, limit: int
    ) -> list[tuple[str, int]]:
        """What is due and in no queue, each with the number of its next job."""
        at = to_ms(now)
        flat = await self.run(
            "due", [index, kind, at, at + self.requeue_after, limit, self.queue_key]
        )
        return [
            (name.decode(), int(number)) for name, number in zip(flat[::2], flat[1::2], strict=True)
        ]
