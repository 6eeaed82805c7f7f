"""A client of the server with one socket and nothing around a command: no pool, retry or metrics.

The stateful test sends twenty commands a step; with all that a client in service needs around
each, half of its time went there. What the answers mean is redis-py's as before.
"""

import socket
from collections.abc import Iterator, Sequence
from typing import Any

import hiredis
import redis
from redis.client import Pipeline
from redis.connection import DefaultParser
from redis.exceptions import ResponseError

_AT_ONCE = 1 << 18
_NOT_YET = object()


class _Line:
    """One connection."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self._reader = hiredis.Reader(replyError=DefaultParser.parse_error, notEnoughData=_NOT_YET)
        next(self.answers([("HELLO", 3)]))

    def answers(self, commands: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """What the server says to each of these."""
        self.socket.sendall(b"".join(hiredis.pack_command(_words(each)) for each in commands))
        for _ in commands:
            while (answer := self._reader.gets()) is _NOT_YET:
                said = self.socket.recv(_AT_ONCE)
                if not said:
                    raise redis.ConnectionError("the server has gone")
                self._reader.feed(said)
            yield answer


def _words(command: tuple[Any, ...]) -> tuple[Any, ...]:
    name = command[0]
    return (*name.split(), *command[1:]) if isinstance(name, str) and " " in name else command


class Direct(redis.Redis):
    """A blocking client of a server that listens on a socket of this machine, for one thread."""

    def __init__(self, path: str) -> None:
        super().__init__(unix_socket_path=path)
        self._line = _Line(path)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        (answer,) = self._line.answers([args])
        if isinstance(answer, Exception):
            raise answer
        return self.meant(args[0], answer, options)

    def meant(self, name: str, answer: Any, options: dict[str, Any]) -> Any:
        options.pop("keys", None)
        meaning: Any = self.response_callbacks.get(name)  # type: ignore[no-untyped-call]
        return meaning(answer, **options) if meaning else answer

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return _Together(self, transaction, shard_hint)

    def close(self) -> None:
        self._line.socket.close()
        super().close()

    def together(self, commands: Sequence[tuple[tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
        """The answers to all of these; an error is an answer."""
        answers = self._line.answers([args for args, _ in commands])
        return [
            answer if isinstance(answer, Exception) else self.meant(args[0], answer, options)
            for (args, options), answer in zip(commands, answers, strict=True)
        ]


class _Together(Pipeline):
    """Nobody else is on the line, so that a transaction is what follows each other."""

    def __init__(self, direct: Direct, transaction: bool, shard_hint: str | None) -> None:
        super().__init__(direct.connection_pool, direct.response_callbacks, transaction, shard_hint)
        self._direct = direct

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands, self.command_stack = self.command_stack, []
        answers = self._direct.together(commands)
        for each in answers:
            if raise_on_error and isinstance(each, ResponseError):
                raise each
        return answers
