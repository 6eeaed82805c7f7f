"""The server that the fault tests break does break, and comes back with what it had."""

from collections.abc import Iterator

import pytest
from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.retry import Retry

from tests.support.failing_valkey import FailingValkey, answering_only, own_valkey
from tests.support.valkey import confirms


@pytest.fixture
def valkey() -> Iterator[FailingValkey]:
    with own_valkey() as server:
        yield server


def once(url: str) -> Redis:
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=1)


def test_it_fails_in_every_way_and_comes_back(valkey: FailingValkey) -> None:
    with once(valkey.url) as redis:
        with valkey.read_only(), pytest.raises(ReadOnlyError):
            redis.set("a", 1)
        with valkey.lacking_replicas(), pytest.raises(ResponseError, match="NOREPLICAS"):
            redis.set("a", 1)
        with valkey.out_of_memory(), pytest.raises(OutOfMemoryError):
            redis.set("a", 1)
        with valkey.without_append_only_file(), pytest.raises(ResponseError, match="WAITAOF"):
            redis.execute_command("WAITAOF", 1, 0, 100)
        with (
            valkey.other_password(),
            pytest.raises((AuthenticationError, exceptions.ConnectionError)),
        ):
            redis.set("a", 1)
        with valkey.paused(), pytest.raises(exceptions.TimeoutError):
            redis.set("a", 1)
        redis.set("a", 2)


def test_it_keeps_its_address_and_its_data(valkey: FailingValkey) -> None:
    with once(valkey.url) as redis:
        redis.set("a", 1)
        before = valkey.pid
        with valkey.down(), pytest.raises(exceptions.ConnectionError):
            redis.get("a")
        redis.set("b", 2)
        if confirms():
            assert redis.execute_command("WAITAOF", 1, 0, 5000)[0] == 1
        with valkey.down(killed=True), pytest.raises(exceptions.ConnectionError):
            redis.get("a")
        assert valkey.pid != before
        assert (redis.get("a"), redis.get("b")) == (b"1", b"2")


def test_one_that_loads() -> None:
    loading = b"-LOADING Redis is loading the dataset in memory\r\n"
    with answering_only(loading) as url, once(url) as redis, pytest.raises(BusyLoadingError):
        redis.get("a")
