"""How many deliveries that are not genuine one sender may have looked at.

A refusal costs a log line, a count in Redis and perhaps a question to the vendor's key server, and
anybody may ask for it. What is genuine costs nothing of the allowance and never waits for it.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_BURST: Final = 60
_PER_SECOND: Final = 1.0
_MOST_SENDERS: Final = 4096


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float


class FailedAttempts:
    """The allowances of the newest senders by peer and source, at most `_MOST_SENDERS` of them.

    `monotonic` is in seconds.
    """

    refills_in: Final = max(1, round(1 / _PER_SECOND))

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._senders: OrderedDict[tuple[str, str], _Allowance] = OrderedDict()
        self._unsaid: Counter[str] = Counter()

    def spent(self, peer: str, source: str) -> bool:
        """Whether this sender has used up its allowance for now."""
        known = self._senders.get((peer, source))
        return known is not None and self._left(known) < 1

    def fail(self, peer: str, source: str) -> bool:
        """One more that was not genuine: whether that may still be said and counted."""
        sender = (peer, source)
        known = self._senders.setdefault(sender, _Allowance(_BURST, self._monotonic()))
        self._senders.move_to_end(sender)
        if len(self._senders) > _MOST_SENDERS:
            self._senders.popitem(last=False)
        known.left, known.at = self._left(known), self._monotonic()
        if known.left < 1:
            self._unsaid[source] += 1
            return False
        known.left -= 1
        return True

    def unsaid(self, source: str) -> int:
        """How many were neither said nor counted since this was asked; then it begins anew."""
        return self._unsaid.pop(source, 0)

    def _left(self, known: _Allowance) -> float:
        return min(_BURST, known.left + (self._monotonic() - known.at) * _PER_SECOND)
