"""What is remembered of strangers, who are many: an allowance each, and only of the newest."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Allowance:
    """So many at once, and then so many a second. `now` is in seconds, and only rises."""

    def __init__(self, burst: float, per_second: float, now: float) -> None:
        self._burst = self._left = burst
        self._per_second = per_second
        self._at = now

    def spent(self, now: float) -> bool:
        """Whether nothing is left of it now."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        return self._left < 1

    def take(self, now: float) -> bool:
        """One of it, if something is left."""
        if self.spent(now):
            return False
        self._left -= 1
        return True


class Newest(OrderedDict[K, V], Generic[K, V]):
    """The values that were written or looked up last, at most `most` of them."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)

    def found(self, key: K) -> V | None:
        """The value, which is then the newest, if there is one."""
        if key in self:
            self.move_to_end(key)
        return self.get(key)
