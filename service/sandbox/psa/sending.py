"""Deliveries as the vendors make them: how long they wait, what they try again, when they stop.

What is published of that stands in the adapters' `Sender`; of NinjaOne and HaloPSA nothing is, so
they try once. A delivery can be lost, doubled, delayed, or overtaken by the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from adapters.contract import Sender
from workers.times.clock import Clock


@dataclass
class Mishaps:
    """How many of the next deliveries are lost, doubled or overtaken; seconds of delay of each."""

    lose: int = 0
    double: int = 0
    reorder: int = 0
    delay: float = 0.0


@dataclass
class Delivery:
    """One delivery: what was posted where, the answers to its attempts, and what became of it."""

    url: str
    body: str
    fate: str = "under_way"
    answers: list[int | None] = field(default_factory=list)


@dataclass(frozen=True)
class Habits:
    """After which statuses a vendor tries `again` (none: any), and when it stops."""

    again: frozenset[int] | None = None
    days: timedelta | None = None
    failures: int | None = None


class Outgoing:
    """The deliveries of one tenant.

    `pace` shortens the vendor's waits. `origin` is where the service really is, instead of the
    origin of the registered address.
    """

    def __init__(
        self, sender: Sender, habits: Habits, *, clock: Clock, pace: float, origin: str | None
    ) -> None:
        self.mishaps = Mishaps()
        self.made: list[Delivery] = []
        self._sender = sender
        self._habits = habits
        self._clock = clock
        self._pace = pace
        self.origin = origin
        self._held: list[Callable[[], Awaitable[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failing_since: datetime | None = None
        self._failed = 0

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        stop: Callable[[], None] = lambda: None,
        gave_up: Callable[[int | None], None] = lambda _status: None,
    ) -> None:
        """Deliver it, unless a mishap loses it.

        `gave_up` hears of what is not delivered, `stop` that no more is: by default nobody does.
        """
        delivery = Delivery(self._address(url), body.decode())
        self.made.append(delivery)
        it = self.mishaps
        if it.lose > 0:
            it.lose -= 1
            delivery.fate = "lost"
            return

        async def deliver() -> None:
            await self._deliver(delivery, headers, stop, gave_up)

        if it.reorder > 0:
            it.reorder -= 1
            self._held.append(deliver)
            return
        copies = 2 if it.double > 0 else 1
        it.double -= copies - 1
        held, self._held = self._held, []
        self._go([*([deliver] * copies), *held])

    async def settled(self) -> None:
        """Until nothing is under way; what was to be overtaken goes out now."""
        held, self._held = self._held, []
        self._go(held)
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _go(self, work: list[Callable[[], Awaitable[None]]]) -> None:
        async def each() -> None:
            for one in work:
                await one()

        task = asyncio.ensure_future(each())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _address(self, url: str) -> str:
        if self.origin is None:
            return url
        parts = httpx.URL(url)
        return self.origin + parts.raw_path.decode()

    async def _deliver(
        self,
        delivery: Delivery,
        headers: Mapping[str, str],
        stop: Callable[[], None],
        gave_up: Callable[[int | None], None],
    ) -> None:
        await asyncio.sleep(self.mishaps.delay)
        sender = self._sender
        waits = (0.0, *sender.retry_after_seconds)
        async with httpx.AsyncClient(trust_env=False, timeout=sender.timeout_seconds) as http:
            for wait in waits:
                await asyncio.sleep(wait * self._pace)
                status = await _posted(http, delivery, headers)
                delivery.answers.append(status)
                if status is not None and 200 <= status < 300:
                    delivery.fate = "delivered"
                    self._failing_since, self._failed = None, 0
                    return
                self._failed += 1
                again = self._habits.again
                if again is not None and status not in again:
                    break
        delivery.fate = "given_up"
        gave_up(delivery.answers[-1])
        now = self._clock()
        self._failing_since = self._failing_since or now
        days, failures = self._habits.days, self._habits.failures
        late = days is not None and now - self._failing_since >= days
        if late or (failures is not None and self._failed >= failures):
            stop()

    def shown(self) -> list[dict[str, Any]]:
        """The deliveries as JSON values."""
        return [vars(each) for each in self.made]


async def _posted(
    http: httpx.AsyncClient, delivery: Delivery, headers: Mapping[str, str]
) -> int | None:
    sent = {"content-type": "application/json", **headers}
    try:
        answer = await http.post(delivery.url, content=delivery.body.encode(), headers=sent)
    except httpx.HTTPError:
        return None
    return answer.status_code
