"""One running sandbox: its world, its faults, its log of requests, and its clocks."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.sandbox.faults import ActiveFaults
from service.sandbox.journal import Journal
from service.sandbox.populate import populate
from service.sandbox.settings import SandboxSettings
from service.sandbox.world import World

_WINDOW_SECONDS = 300


@dataclass(slots=True)
class Sandbox:
    """The state behind the routes. One event loop uses it, so nothing in it is locked.

    `ahead` is how far both clocks were set forward, for rehearsals that do not want to wait.
    `reads` counts, per organization, how often it was read by id since faults were last set.
    """

    settings: SandboxSettings
    clock: Callable[[], float]
    now: Callable[[], datetime]
    world: World = field(init=False)
    faults: ActiveFaults = field(init=False)
    journal: Journal = field(init=False)
    reads: dict[int, int] = field(init=False)
    ahead: float = field(init=False)
    _spent: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start anew: the seed's world, the first faults, an empty log, a full budget."""
        self.ahead = 0.0
        self.world = populate(self.settings.seed, self.now())
        self.faults = ActiveFaults(dict(self.settings.faults))
        self.journal = Journal()
        self.reads = {}
        self._spent = deque()

    def seconds(self) -> float:
        """The sandbox's monotonic clock."""
        return self.clock() + self.ahead

    def moment(self) -> datetime:
        """The sandbox's wall clock."""
        return self.now() + timedelta(seconds=self.ahead)

    def settle(self) -> None:
        """Let everything that has fallen due happen."""
        self.world.settle(self.seconds(), self.moment())

    def afford(self) -> bool:
        """Take one request out of the budget of the last five minutes, if one is left."""
        seconds = self.seconds()
        while self._spent and self._spent[0] <= seconds - _WINDOW_SECONDS:
            self._spent.popleft()
        if len(self._spent) >= self.settings.requests_per_5_minutes:
            return False
        self._spent.append(seconds)
        return True
