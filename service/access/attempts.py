"""How many deliveries that are not genuine one sender may have looked at.

A refusal costs a log line, a count in Redis and perhaps a question to the vendor's key server, and
anybody may ask for it. What is genuine costs nothing of the allowance and never waits for it.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from workers.network.strangers import Allowance, Newest

_BURST: Final = 60
_PER_SECOND: Final = 1.0
_MOST_SENDERS: Final = 4096


class FailedAttempts:
    """The allowances of the newest senders by peer and source, at most `_MOST_SENDERS` of them.

    `monotonic` is in seconds.
    """

    refills_in: Final = max(1, round(1 / _PER_SECOND))

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._senders = Newest[tuple[str, str], Allowance](_MOST_SENDERS)
        self._unsaid: Counter[str] = Counter()

    def spent(self, peer: str, source: str) -> bool:
        """Whether this sender has used up its allowance for now."""
        known = self._senders.get((peer, source))
        return known is not None and known.spent(self._monotonic())

    def fail(self, peer: str, source: str) -> bool:
        """One more that was not genuine: whether that may still be said and counted."""
        sender, now = (peer, source), self._monotonic()
        known = self._senders.found(sender)
        if known is None:
            known = self._senders[sender] = Allowance(_BURST, _PER_SECOND, now)
        if known.take(now):
            return True
        self._unsaid[source] += 1
        return False

    def unsaid(self, source: str) -> int:
        """How many were neither said nor counted since this was asked; then it begins anew."""
        return self._unsaid.pop(source, 0)
