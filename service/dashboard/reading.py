"""A Redis client that cannot change anything.

RQ tidies up while it reads: a registry's `cleanup` queues abandoned jobs anew (two of them at once
queue them twice), a worker that is gone is unregistered, an id without its job leaves the queue.
Nobody who looks at a page means that. What is not known to read never leaves the process.
"""

from typing import Any, Final

from redis import Redis
from redis.client import Pipeline

from adapters.errors import UnglueError

_READS: Final = frozenset(
    {
        "EXISTS",
        "GET",
        "HEXISTS",
        "HGET",
        "HGETALL",
        "HMGET",
        "LLEN",
        "LRANGE",
        "SCARD",
        "SISMEMBER",
        "SMEMBERS",
        "TTL",
        "TYPE",
        "XREVRANGE",
        "ZCARD",
        "ZRANGE",
        "ZSCORE",
    }
)
# What RQ removes in passing, without looking at the answer.
_TIDYING: Final = frozenset({"LREM", "SREM"})


class ChangeRefused(UnglueError):
    """A page tried to change Redis."""

    code = "ChangeRefused"


def _reads(command: Any) -> bool:  # noqa: ANN401 - redis-py takes texts and bytes
    """Whether a command is to be sent; if not, it is one that may be left out.

    Raises:
        ChangeRefused: it would change something that the caller counts on.
    """
    name = str(command).upper()
    if name in _READS:
        return True
    if name in _TIDYING:
        return False
    raise ChangeRefused(f"the dashboard only reads, and {name} is not known to")


class ReadingRedis(Redis):
    """Sends commands that read. Tidying up is left out; anything else is refused."""

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - any answer
        """Send a command that reads. Raises ChangeRefused: it does not."""
        if not _reads(args[0]):
            return 0
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call] # redis-py has no types here

    def pipeline(
        self, transaction: bool = True, shard_hint: str | None = None
    ) -> "ReadingPipeline":
        """Several commands at once, to the same rules."""
        return ReadingPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )


class ReadingPipeline(Pipeline):
    """Stages commands that read."""

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - any answer
        """Stage a command that reads. Raises ChangeRefused: it does not."""
        if not _reads(args[0]):
            return self
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call] # redis-py has no types here
