"""Failed logins: limited for each address they come from, and written down.

Only failures are refused. A right token is always taken: many people share the address of a
proxy, and nobody who guesses there may keep an operator from stopping a deletion.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

import structlog
from redis.exceptions import RedisError

from adapters.errors import TooManyAttempts, Unauthorized
from service.access.operators import Caller
from service.access.peers import peer_of
from workers.ledger.auditing.audit import Audit
from workers.processes.stopping import beside
from workers.times.clock import Clock

MOST: Final = 30
WINDOW: Final = timedelta(minutes=5)
_TOLD_EVERY: Final = timedelta(minutes=1)
_MOST_PEERS: Final = 1000
# Who has many addresses must not fill the audit log with them.
_MOST_TOLD: Final = 30

log = structlog.get_logger()


@dataclass(slots=True)
class _Peer:
    since: datetime
    failures: int = 0
    untold: int = 0
    told_at: datetime | None = None


class Logins:
    """Who logged in to this process, and who failed to. Its memory is bounded."""

    def __init__(self, clock: Clock) -> None:
        self.seen: dict[str, datetime] = {}
        self._clock = clock
        self._peers: OrderedDict[str, _Peer] = OrderedDict()

    def admit(
        self,
        host: str | None,
        authorization: str | None,
        authenticate: Callable[[str | None], Caller],
    ) -> Caller:
        """The operator who calls from this host. Raises Unauthorized, TooManyAttempts."""
        # A request without a token is no attempt: browsers begin with one.
        with self.attempt(host) if authorization else nullcontext():
            caller = authenticate(authorization)
        self.seen[caller.name] = self._clock()
        return caller

    @contextmanager
    def attempt(self, host: str | None) -> Iterator[None]:
        """An attempt to log in, which `Unauthorized` ends as failed. Raises TooManyAttempts."""
        try:
            yield
        except Unauthorized:
            self._failed(peer_of(host))
            raise

    def _failed(self, name: str) -> None:
        now = self._clock()
        peer = self._peers.setdefault(name, _Peer(now))
        self._peers.move_to_end(name)
        if len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
        if now - peer.since >= WINDOW:
            peer.since, peer.failures = now, 0
        peer.failures += 1
        peer.untold += 1
        if peer.failures > MOST:
            seconds = ceil((peer.since + WINDOW - now).total_seconds())
            raise TooManyAttempts(
                "there were too many wrong tokens from this address; only a right one is looked "
                f"at before {seconds} s have passed",
                max(1, seconds),
            )

    @asynccontextmanager
    async def reporting(self, audit: Audit) -> AsyncIterator[None]:
        """Write down what failed since it was last written, also when nobody calls any more."""

        async def again() -> None:
            while True:
                await asyncio.sleep(_TOLD_EVERY.total_seconds())
                await self.report(audit)

        async with beside(again()):
            yield

    async def report(self, audit: Audit) -> None:
        """Write down what failed, of each address at most once a minute."""
        now = self._clock()
        due = [
            (name, peer)
            for name, peer in self._peers.items()
            if peer.untold and (peer.told_at is None or now - peer.told_at >= _TOLD_EVERY)
        ]
        recent = sum(
            peer.told_at is not None and now - peer.told_at < _TOLD_EVERY
            for peer in self._peers.values()
        )
        for name, peer in due[: max(0, _MOST_TOLD - recent)]:
            failures, peer.untold, peer.told_at = peer.untold, 0, now
            log.warning("login_failed", peer=name, failures=failures)
            try:
                await audit.write("login_failed", {"peer": name, "failures": failures}, now)
            except (RedisError, OSError) as error:
                # The caller's answer does not depend on it; the log has it.
                log.warning("not_audited", error=type(error).__name__)
