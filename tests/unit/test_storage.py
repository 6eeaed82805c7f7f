"""Which Redis may hold the record, and what its errors say of it."""

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as Unanswered

from workers.ledger.installation.condition import NotDurable, condition_of
from workers.upkeep.storage import Storage


@pytest.mark.parametrize(
    ("storage", "fsync", "levels"),
    [
        (Storage("noeviction", append_only=True, appendfsync="everysec"), False, []),
        (Storage("noeviction", append_only=True, appendfsync="everysec"), True, ["fail"]),
        (Storage("noeviction", append_only=True, appendfsync="always"), True, []),
        (Storage("noeviction", append_only=True, appendfsync="always"), False, []),
        (Storage("noeviction", append_only=True), True, []),
        (Storage("noeviction", append_only=False), False, ["warn"]),
        (Storage("noeviction", append_only=False), True, ["fail"]),
        (Storage("noeviction", append_only=True, appendfsync="no"), False, ["fail"]),
        (Storage("allkeys-lru", append_only=True), False, ["fail"]),
        (Storage("volatile-ttl", append_only=False), False, ["fail", "warn"]),
        (Storage("unknown", append_only=True), False, ["fail"]),
    ],
)
def test_what_is_refused_or_warned(storage: Storage, levels: list[str], *, fsync: bool) -> None:
    faults = storage.faults(fsync=fsync)
    assert [level for level, _, _ in faults] == levels
    assert all(what and cure for _, what, cure in faults)


SCRIPT = "Error running script (call to f_1): @user_script:9: -{} more words"


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (Unreachable("x"), "unreachable"),
        (Unanswered("x"), "unreachable"),
        (TimeoutError(), "unreachable"),
        (ConnectionRefusedError(), "unreachable"),
        (AuthenticationError("x"), "password"),
        (NoPermissionError("x"), "password"),
        (BusyLoadingError("x"), "loading"),
        (ReadOnlyError("x"), "read-only"),
        (OutOfMemoryError("x"), "out of memory"),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), "read-only"),
        (ResponseError("MISCONF Errors writing to the AOF file"), "read-only"),
        (ResponseError(SCRIPT.format("OOM command not allowed")), "out of memory"),
        (ResponseError(SCRIPT.format("READONLY You can't write")), "read-only"),
        (ResponseError("BUSY Redis is busy running a script."), "refusing"),
        (NotDurable("x"), "not durable"),
        # What was asked was wrong: the next one is not.
        (ResponseError("WRONGTYPE Operation against a key"), None),
        (ResponseError(SCRIPT.format("WRONGTYPE Operation")), None),
        (KeyError("a bug"), None),
        (ValueError("a bug"), None),
    ],
)
def test_what_an_error_says(error: Exception, condition: str | None) -> None:
    assert condition_of(error) == condition
