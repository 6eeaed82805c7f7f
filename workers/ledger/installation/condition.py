"""In what condition Redis is, in words that an operator can act on."""

import ssl
from typing import Final, Literal

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

Condition = Literal[
    "unreachable",
    "certificate",
    "read-only",
    "out of memory",
    "password",
    "loading",
    "not durable",
    "newer form",
    "refusing",
]

NEWER: Final = "NEWERFORM"

# Before 7, what a script's command was answered stands somewhere in the script's own error.
_IN_WORDS: Final[tuple[tuple[str, Condition], ...]] = (
    (NEWER, "newer form"),
    ("READONLY", "read-only"),
    ("NOREPLICAS", "read-only"),
    ("MISCONF", "read-only"),
    ("OOM ", "out of memory"),
    ("LOADING", "loading"),
    ("NOAUTH", "password"),
    ("WRONGPASS", "password"),
    ("NOPERM", "password"),
    ("MASTERDOWN", "refusing"),
    ("CLUSTERDOWN", "refusing"),
    ("TRYAGAIN", "refusing"),
    ("BUSY ", "refusing"),
    ("UNKILLABLE", "refusing"),
)


class NotDurable(RedisError):
    """It was written, and that it is on disk was not confirmed in time. `answer` is the script's.

    Whoever asks again asks for the same, which is then confirmed or not.
    """

    def __init__(self, message: str, answer: object = None) -> None:
        super().__init__(message)
        self.answer = answer


def condition_of(error: BaseException) -> Condition | None:
    """What this error says of Redis, `None` if it says nothing: what was asked was wrong.

    Read-only is also a server that lacks replicas or cannot write its own files; certificate is
    one that TLS does not believe, and newer form a ledger that a newer release wrote.
    """
    match error:
        case NotDurable():
            return "not durable"
        case AuthenticationError() | AuthenticationWrongNumberOfArgsError() | NoPermissionError():
            return "password"
        case BusyLoadingError():
            return "loading"
        case ReadOnlyError():
            return "read-only"
        case OutOfMemoryError():
            return "out of memory"
        case ResponseError():
            text = str(error)
            return next((condition for word, condition in _IN_WORDS if word in text), None)
        case RedisError() | OSError() if _certificate(error):
            return "certificate"
        case RedisError() | OSError():
            # Python's own TimeoutError is an OSError.
            return "unreachable"
        case _:
            return None


def _certificate(error: BaseException) -> bool:
    """Whether TLS did not believe the server; redis-py wraps what happened."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


async def condition(redis: Redis, probe: str) -> Condition | None:
    """How Redis is, `None` if it takes writes: one is tried, to the key `probe`."""
    try:
        await redis.set(probe, b"1", px=60_000)
    except (RedisError, OSError) as error:
        return condition_of(error) or "refusing"
    return None
