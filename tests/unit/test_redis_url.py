"""What a `redis_url` means, for an event loop and for RQ."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection

from adapters.errors import ConfigurationError
from workers.network.redis_url import connect, connect_blocking, require_redis_url, with_authority
from workers.processes.runtime import dashboard_redis_url, redis_url
from workers.settings import Settings, load_settings

SENTINELS = "redis+sentinel://unglue:p%40ss@10.0.0.1:26380,10.0.0.2,[::1]:26381/main/2"
KEY: dict[str, Any] = {"itglue": {"api_key": "k"}}


@pytest.mark.parametrize("blocking", [False, True])
def test_sentinels_name_the_primary(*, blocking: bool) -> None:
    url = f"{SENTINELS}?sentinel_username=watch&sentinel_password=w"
    client: Any = connect_blocking(url, Redis) if blocking else connect(url)
    pool = client.connection_pool
    assert pool.service_name == "main"
    asked = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in asked] == [
        ("10.0.0.1", 26380), ("10.0.0.2", 26379), ("::1", 26381)
    ]  # fmt: skip
    assert {(each["username"], each["password"]) for each in asked} == {("watch", "w")}
    options = pool.connection_kwargs
    assert (options["username"], options["password"], options["db"]) == ("unglue", "p@ss", 2)
    # Who asks for the primary must not wait longer than an event may.
    assert all(each["socket_connect_timeout"] < 0.5 for each in asked)


def test_tls_with_all_of_them_and_one_authority() -> None:
    url = with_authority(SENTINELS.replace("redis+", "rediss+"), "/etc/unglue/ca.pem")
    pool: Any = connect(url).connection_pool
    assert issubclass(pool.connection_class, SSLConnection)
    assert pool.connection_kwargs["ssl_ca_certs"] == "/etc/unglue/ca.pem"
    for each in pool.sentinel_manager.sentinels:
        assert issubclass(each.connection_pool.connection_class, SSLConnection)
        assert each.connection_pool.connection_kwargs["ssl_ca_certs"] == "/etc/unglue/ca.pem"


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://10.0.0.1:26379",
        "redis+sentinel:///main/0",
        "redis+sentinel://10.0.0.1,,10.0.0.2/main",
        "redis+sentinel://10.0.0.1:port/main",
        "redis+sentinel://10.0.0.1/main/zero",
        "http+sentinel://10.0.0.1/main",
        "redis+cluster://10.0.0.1",
        "http://10.0.0.1",
    ],
)
def test_a_url_of_another_form_is_refused_without_its_password(url: str) -> None:
    secret = url.replace("://", "://u:s3cret@")
    with pytest.raises(ValueError, match="redis\\+sentinel://") as refused:
        require_redis_url(secret)
    assert "s3cret" not in str(refused.value)


def test_a_fail_over_asks_for_a_replica_unless_it_is_written_that_none_is() -> None:
    assert Settings(redis_url=SENTINELS, **KEY).replicas == 1
    assert Settings(redis_url=SENTINELS, min_replicas=0, **KEY).replicas == 0
    assert Settings(**KEY).replicas == 0
    assert Settings(min_replicas=2, **KEY).replicas == 2


def test_an_authority_for_who_shows_no_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="redis_ca is of no use"):
        Settings(redis_ca="/etc/unglue/ca.pem", **KEY)


def test_an_authority_as_a_file_or_as_its_content(tmp_path: Path) -> None:
    place = tmp_path / "ca.pem"
    place.write_text("-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n")
    environment = {
        "UNGLUE_REDIS_URL": "rediss://h:1/0",
        "UNGLUE_ITGLUE__API_KEY": "k",
        "UNGLUE_DASHBOARD_REDIS_URL": "rediss://viewer:v@h:1/0",
    }
    named = load_settings({**environment, "UNGLUE_REDIS_CA": str(place)})
    pool: Any = connect(redis_url(named)).connection_pool
    assert pool.connection_kwargs["ssl_ca_certs"] == str(place)
    # A mounted secret.
    held = load_settings({**environment, "UNGLUE_REDIS_CA_FILE": str(place)})
    for url in (redis_url(held), dashboard_redis_url(held)):
        pool = connect_blocking(url, Redis).connection_pool
        assert pool.connection_kwargs["ssl_ca_data"] == place.read_text().strip()
    with pytest.raises(ConfigurationError):
        load_settings({**environment, "UNGLUE_REDIS_URL": "redis+sentinel://h"})


@pytest.mark.parametrize(
    "url",
    ["redis://h", "unix:///tmp/s", "rediss://h", SENTINELS, SENTINELS.replace("redis+", "rediss+")],
)
def test_a_command_is_packed_as_redis_py_does(url: str) -> None:
    pool: Any = connect(url).connection_pool
    packing = pool.connection_class(**{**pool.connection_kwargs, **_pool_of(pool)})
    command = ("CONFIG GET", "ä", b"\xff\x00\r\n", -7, 1.5, "", b"x" * 9000)
    plain = b"".join(AbstractConnection.pack_command(packing, *command))
    assert b"".join(packing.pack_command(*command)) == plain
    with pytest.raises(UnicodeEncodeError):
        packing.pack_command("SET", "\ud800")


def _pool_of(pool: Any) -> dict[str, Any]:
    return {"connection_pool": pool} if hasattr(pool, "service_name") else {}
