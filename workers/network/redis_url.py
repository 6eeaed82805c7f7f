"""The way to Redis that `redis_url` names: one server by TCP, TLS or socket, or Sentinels' primary.

`redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT,…/NAME/DATABASE` asks the Sentinels for the
primary of that name, with each new connection; `rediss+sentinel://` speaks TLS with all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer, parse_url
from redis.connection import SSLConnection as BlockingSSLConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.retry import Retry
from redis.sentinel import Sentinel as BlockingSentinel
from redis.sentinel import SentinelManagedConnection as BlockingManagedConnection

_SENTINEL: Final = "+sentinel"
_SENTINEL_PORT: Final = 26379
# Two of three that are cut off are passed over before an event must be in the spool.
_SENTINEL_SECONDS: Final = 0.4
_PACKER: Final = HiredisRespSerializer()
_OF_SENTINELS: Final = ("sentinel_username", "sentinel_password")

_Client = TypeVar("_Client", bound=BlockingRedis)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A primary that Sentinels name, and the options of the connections to it and to them."""

    name: str
    sentinels: tuple[tuple[str, int], ...]
    server: Mapping[str, Any]
    sentinel: Mapping[str, Any]


class _Packing(AbstractConnection):
    """Packs what it sends with hiredis, as redis-py's own connections do only for threads."""

    def pack_command(self, *args: Any) -> list[bytes]:  # noqa: ANN401 - what Redis may be sent
        packed: list[bytes] = _PACKER.pack(*args)
        return packed

    async def on_connect(self) -> None:
        """Nothing: redis-py greets a server on a Unix socket here, and once more afterwards."""


def _packing(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    return cast("type[AbstractConnection]", type(kind.__name__, (_Packing, kind), {}))


class _Connection(_Packing, SentinelManagedConnection):
    """Asks for the primary each time, where redis-py goes back to the old one to repeat a command.

    It is believed only if it says so itself: a Sentinel may not have heard of the fail-over yet.
    """

    async def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        del check_health, retry_socket_connect
        if not self.is_connected:
            await self.connect_to(await self.connection_pool.get_master_address())

    async def connect_to(self, address: tuple[str, int]) -> None:
        self.host, self.port = address
        await super().connect_check_health(check_health=False, retry_socket_connect=False)

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE")
        _require_primary(await self.read_response())


class _TlsConnection(_Connection, SSLConnection):
    pass


class _BlockingConnection(BlockingManagedConnection):
    """The same for threads."""

    def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        del check_health, retry_socket_connect
        if not self.is_connected:
            self.connect_to(self.connection_pool.get_master_address())

    def connect_to(self, address: tuple[str, int]) -> None:
        self.host, self.port = address
        super().connect_check_health(check_health=False, retry_socket_connect=False)

    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health)
        self.send_command("ROLE")  # type: ignore[no-untyped-call] # redis-py has no types here
        _require_primary(self.read_response())


class _BlockingTlsConnection(_BlockingConnection, BlockingSSLConnection):
    pass


class _Pool(SentinelConnectionPool):
    async def aclose(self) -> None:
        """Close the connections to the Sentinels, too."""
        await super().aclose()
        await self.sentinel_manager.aclose()


# Not to say which library it is saves a round trip a connection, and to look it up 4 ms.
_UNNAMED: Final = MappingProxyType({"driver_info": None})


def connect(url: str, **options: Any) -> Redis:  # noqa: ANN401 - redis-py's own options
    """A client for an event loop; the options are redis-py's."""
    options = {**_UNNAMED, **options}
    if not asks_sentinels(url):
        client: Redis = Redis.from_url(url, **options)
        pool = client.connection_pool
        pool.connection_class = _packing(pool.connection_class)
        return client
    at = _watched(url)
    patience = {**at.sentinel, "retry": AsyncRetry(NoBackoff(), 0)}
    sentinels = Sentinel(at.sentinels, sentinel_kwargs=patience)  # type: ignore[no-untyped-call] # redis-py has no types here
    primary: Redis = sentinels.master_for(
        at.name,
        connection_pool_class=_Pool,
        connection_class=_TlsConnection if speaks_tls(url) else _Connection,
        **options,
        **at.server,
    )
    return primary


def connect_blocking(
    url: str,
    kind: type[_Client],
    **options: Any,  # noqa: ANN401 - redis-py's own options
) -> _Client:
    """A client of this kind for threads and RQ; the options are redis-py's."""
    options = {**_UNNAMED, **options}
    if not asks_sentinels(url):
        return cast("_Client", kind.from_url(url, **options))
    at = _watched(url)
    patience = {**at.sentinel, "retry": Retry(NoBackoff(), 0)}
    sentinels = BlockingSentinel(at.sentinels, sentinel_kwargs=patience)  # type: ignore[no-untyped-call] # likewise
    primary: _Client = sentinels.master_for(  # type: ignore[no-untyped-call] # likewise
        at.name,
        redis_class=kind,
        connection_class=_BlockingTlsConnection if speaks_tls(url) else _BlockingConnection,
        **options,
        **at.server,
    )
    return primary


def _require_primary(role: Any) -> None:  # noqa: ANN401 - ROLE's answer
    """A Sentinel that has not heard of the fail-over names a server that knows only what was."""
    if role[0] not in {b"master", "master"}:
        raise ConnectionLost("the server that a Sentinel named is no primary")


def require_redis_url(url: str) -> str:
    """The same URL, or a ValueError that does not quote it: it may hold a password."""
    try:
        if asks_sentinels(url):
            _watched(url)
        else:
            parse_url(url)  # type: ignore[no-untyped-call] # redis-py does not say that it is a str
    except ValueError:
        raise ValueError(
            'must be a URL that begins with redis://, rediss:// or unix://, like "redis://'
            'localhost:6379/0", or with redis+sentinel:// or rediss+sentinel://, like '
            '"redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster/0", with what is special in '
            "a password percent-encoded"
        ) from None
    return url


def asks_sentinels(url: str) -> bool:
    """Whether Sentinels say where the primary is."""
    return url.partition("://")[0].endswith(_SENTINEL)


def speaks_tls(url: str) -> bool:
    """Whether the connections are encrypted, and the server's certificate is asked for."""
    return url.startswith("rediss")


def with_authority(url: str, authority: str) -> str:
    """The URL of a server whose certificate this authority signed: a PEM file, or its content."""
    name = "ssl_ca_data" if "-----BEGIN" in authority else "ssl_ca_certs"
    return f"{url}{'&' if '?' in url else '?'}{urlencode({name: authority}, quote_via=quote)}"


def _watched(url: str) -> _Watched:
    """What the URL says. Raises ValueError."""
    # Newer releases of Python refuse an address in brackets that is not the only host.
    scheme, _, rest = url.partition("://")
    authority, _, place = rest.partition("/")
    parts = urlsplit(f"/{place}")
    credentials, _, hosts = authority.rpartition("@")
    name, _, database = parts.path.removeprefix("/").partition("/")
    if scheme not in {f"redis{_SENTINEL}", f"rediss{_SENTINEL}"} or not hosts:
        raise ValueError("not the URL of Sentinels")
    if not name or name.isdigit():
        raise ValueError("the primary has a name, before the number of the database")
    if database and not database.isdigit():
        raise ValueError("the database is a number")
    places = [urlsplit(f"//{each}") for each in hosts.split(",")]
    sentinels = tuple((each.hostname or "", each.port or _SENTINEL_PORT) for each in places)
    if not all(host for host, _ in sentinels):
        raise ValueError("a host is missing")
    # Everything else is said as for one server, in redis-py's own words.
    alone = f"redis://{credentials}@localhost/{database}?{parts.query}"
    server: dict[str, Any] = dict(parse_url(alone))  # type: ignore[no-untyped-call] # as above
    del server["host"]
    tls = {key: value for key, value in server.items() if key.startswith("ssl_")}
    if speaks_tls(url):
        tls["ssl"] = True
    waits = {"socket_timeout": _SENTINEL_SECONDS, "socket_connect_timeout": _SENTINEL_SECONDS}
    own = {key.removeprefix("sentinel_"): server.pop(key) for key in _OF_SENTINELS if key in server}
    return _Watched(unquote(name), sentinels, server, {**tls, **waits, **own})
