"""A primary, its replicas and three Sentinels that watch them, all real and on loopback."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.support.failing_valkey import FailingValkey, free_port
from tests.support.valkey import binary

NAME = "unglue-primary"
# How soon a primary that does not answer is given up; production takes seconds.
_DOWN_MS = 1500
_PATIENCE_SECONDS = 60.0


class Watched:
    """The servers, and the Sentinels' word for which of them is the primary."""

    def __init__(self, servers: list[FailingValkey], ports: list[int]) -> None:
        self.servers = servers
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        self.url = f"redis+sentinel://{hosts}/{NAME}/0"
        self._sentinels = [Redis(port=port) for port in ports]

    def primary(self) -> FailingValkey:
        """The one that the first Sentinel names."""
        return self.named()[0]

    def named(self) -> list[FailingValkey]:
        """The one that each Sentinel names."""
        sentinels: list[Any] = [*self._sentinels]
        ports = [each.sentinel_get_master_addr_by_name(NAME)[1] for each in sentinels]
        return [next(each for each in self.servers if each.port == port) for port in ports]

    def replica(self) -> FailingValkey:
        """One that is not the primary."""
        now = self.primary()
        return next(each for each in self.servers if each is not now)

    def agree(self, replicas: int) -> bool:
        """Whether every Sentinel knows the others, and so many replicas that can take over."""
        for asked in self._sentinels:
            sentinel: Any = asked
            state = sentinel.sentinel_master(NAME)
            if state["num-other-sentinels"] < len(self._sentinels) - 1:
                return False
            known = sentinel.sentinel_slaves(NAME)
            well = [each for each in known if each["flags"] == "slave"]
            if sum(each["master-link-status"] == "ok" for each in well) < replicas:
                return False
        return True

    def wait_until_agreed(self, replicas: int = 1) -> None:
        until(lambda: self.agree(replicas), "the Sentinels agree")

    def wait_until_another(self, before: FailingValkey) -> FailingValkey:
        """The primary that took over, once each Sentinel names it and it takes writes."""

        def taken() -> bool:
            now, *others = self.named()
            if before in (now, *others):
                return False
            with now.client() as redis:
                return bool(redis.role()[0] == b"master")

        until(taken, "a replica takes over")
        return self.primary()

    def join(self, server: FailingValkey) -> None:
        """Start a server that was killed, as a replica of whichever is the primary now."""
        primary = self.primary()
        server.start(replicaof=f"127.0.0.1 {primary.port}")
        until(lambda: online(primary) > 0, "the replica has what the primary has")

    def close(self) -> None:
        for each in self._sentinels:
            each.close()


def online(primary: FailingValkey) -> int:
    """How many replicas have what the primary has."""
    with primary.client() as redis:
        known: Any = redis.info("replication")
    return sum(
        name[:5] == "slave" and name[5:].isdigit() and each["state"] == "online"
        for name, each in known.items()
    )


def until(look: Callable[[], bool], what: str) -> None:
    """Wait for it; a server that does not answer is no answer."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with contextlib.suppress(RedisError, OSError):
            if look():
                return
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)


@contextmanager
def watched_by_sentinels(replicas: int = 1, **config: str) -> Iterator[Watched]:
    """So many replicas of one primary, until the block ends."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unglue-")))
        servers: list[FailingValkey] = []
        for number in range(1 + replicas):
            own = folder / f"server-{number}"
            own.mkdir()
            server = FailingValkey(own, **{"repl-diskless-sync-delay": "0", **config})
            server.start(**({"replicaof": f"127.0.0.1 {servers[0].port}"} if servers else {}))
            servers.append(server)
            stack.callback(_kill, server)
        until(lambda: online(servers[0]) == replicas, "the replicas have what the primary has")
        ports = [free_port() for _ in range(3)]
        for port in ports:
            stack.enter_context(_sentinel(folder, port, servers[0].port))
        watched = Watched(servers, ports)
        stack.callback(watched.close)
        watched.wait_until_agreed(replicas)
        yield watched


def _kill(server: FailingValkey) -> None:
    with contextlib.suppress(AssertionError):
        server.kill()


@contextmanager
def _sentinel(folder: Path, port: int, primary: int) -> Iterator[None]:
    config = folder / f"sentinel-{port}.conf"
    config.write_text(
        f"""\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {NAME} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {NAME} {_DOWN_MS}
sentinel failover-timeout {NAME} 3000
""",
        encoding="utf-8",
    )
    with (folder / f"sentinel-{port}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [binary(), str(config), "--sentinel"], stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=10)
