"""Who is connected, how many may be, and for how long a peer is waited for."""

import asyncio
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, Self

import structlog

from service.access.peers import UNKNOWN, listed, peer_of

# For the files of spool and audit log, key servers, and what Python itself holds open.
_RESERVED: Final = 64
_MOST: Final = 1000
_MOST_OF_ONE: Final = 200
_LEAST: Final = 16
# Whoever is refused is let read why, but only so many at once.
_MOST_LEAVING: Final = 32
_EPISODE_SECONDS: Final = 60.0

Excess = Literal["connections_full", "connections_of_peer_full"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a peer may send before it is known, in bytes, and how long it is waited for, in seconds.

    `body_seconds` is for the whole body. Whether an answer is read, at 1 kB a second or more, is
    looked at every `unread_seconds`: it shows only when the buffers of the system are used up.
    """

    head_bytes: int = 32 * 1024
    url_bytes: int = 8 * 1024
    fields: int = 100
    trailer_bytes: int = 8 * 1024
    pipelined: int = 8
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    idle_seconds: float = 5.0
    unread_seconds: float = 60.0
    leaving_seconds: float = 1.0
    connections: int = _MOST
    of_one_peer: int = _MOST_OF_ONE

    @classmethod
    def of_process(cls) -> Self:
        """The bounds with as many connections as the descriptors of this process allow."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors == resource.RLIM_INFINITY:
            return cls()
        return cls.within(descriptors)

    @classmethod
    def within(cls, descriptors: int) -> Self:
        """Each connection may need a second descriptor, for Redis, so that half are left: pure."""
        most = min(max((descriptors - _RESERVED) // 2, _LEAST), _MOST)
        return cls(connections=most, of_one_peer=min(most // 4, _MOST_OF_ONE))

    @property
    def look_every(self) -> float:
        """How often connections are looked at: a wait ends at most so much later."""
        shortest = min(
            self.head_seconds, self.body_seconds, self.idle_seconds, self.leaving_seconds
        )
        return shortest / 4


class Connection(Protocol):
    """One of them, as it is looked after."""

    def look(self, now: float) -> None:
        """End it if it was waited for too long."""


class Connections:
    """All connections of a service. A peer is an address, of IPv6 a /64; a trusted proxy is none.

    They are looked at together, so that a request costs no timers of its own.
    """

    def __init__(self, bounds: Bounds, trusted: Sequence[str] = ()) -> None:
        self.bounds = bounds
        self._trusted = trusted
        self._open: dict[Connection, str | None] = {}
        self._leaving: set[Connection] = set()
        self._of_peer: Counter[str] = Counter()
        self._looking: asyncio.TimerHandle | None = None
        self._told: dict[str, tuple[float, int]] = {}

    @property
    def count(self) -> int:
        """How many are open, without those that were refused."""
        return len(self._open)

    @property
    def full(self) -> str | None:
        """That there were too many within the last minute, in words: who asks has got through."""
        if not self._lately("connections_full"):
            return None
        _, more = self._told["connections_full"]
        return f"full: {more + 1} refused, {self.bounds.connections} at once are the most"

    def enter(self, connection: Connection, host: str | None) -> Excess | None:
        """Take it in, or say of what there are too many. It is looked after in both cases."""
        peer = self._counted(host)
        excess: Excess | None = None
        if len(self._open) >= self.bounds.connections:
            excess = "connections_full"
        elif peer is not None and self._of_peer[peer] >= self.bounds.of_one_peer:
            excess = "connections_of_peer_full"
        if excess is None:
            self._open[connection] = peer
            if peer is not None:
                self._of_peer[peer] += 1
        else:
            self.tell(excess, peer=peer, open=len(self._open), most=self.bounds.connections)
            self._leaving.add(connection)
        if self._looking is None:
            self._look_later()
        return excess

    def may_linger(self, connection: Connection) -> bool:
        """Whether one that is refused may stay for a moment, to be told why."""
        return connection not in self._leaving or len(self._leaving) <= _MOST_LEAVING

    def leave(self, connection: Connection) -> None:
        """It is gone."""
        self._leaving.discard(connection)
        peer = self._open.pop(connection, None)
        if peer is not None:
            self._of_peer[peer] -= 1
            if self._of_peer[peer] <= 0:
                del self._of_peer[peer]

    def tell(self, what: str, **said: object) -> None:
        """Log what a stranger can bring about at will: once, until it has not been for a minute."""
        now = asyncio.get_running_loop().time()
        _, unsaid = self._told.get(what, (now, 0))
        if self._lately(what):
            self._told[what] = (now, unsaid + 1)
            return
        self._told[what] = (now, 0)
        log.warning(what, **said, unsaid_before=unsaid)

    def _lately(self, what: str) -> bool:
        now = asyncio.get_running_loop().time()
        return what in self._told and now - self._told[what][0] < _EPISODE_SECONDS

    def _counted(self, host: str | None) -> str | None:
        """The peer under which it is counted; `None`: a proxy of ours, or a local socket."""
        peer = peer_of(host)
        return None if peer == UNKNOWN or listed(host or "", self._trusted) else peer

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(self.bounds.look_every, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in (*self._open, *self._leaving):
            connection.look(now)
        self._looking = None
        if self._open or self._leaving:
            self._look_later()
