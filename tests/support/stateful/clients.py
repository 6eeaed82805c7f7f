"""Who was active when: the model of a client's register, from the events alone.

It errs to one side. An active event counts unless it is certainly older than an inactive one,
and that takes two signed times.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Event:
    """One event. `signed` is the time that its sender vouches for.

    `forms` is everything by which it names the client, as `org:301`, `name:testcompany` or
    `manage:2`; `garbled` what of it cannot be read; `dry`: it asks for a preview, and says nothing.
    """

    id: str
    source: str
    client: str
    active: bool
    signed: datetime | None
    delivered: datetime
    forms: tuple[str, ...] = ()
    name: str | None = None
    content: str = ""
    garbled: str = ""
    dry: bool = False


def same_moment(one: datetime, other: datetime) -> bool:
    """Whether a person has to say which was the later: one is whole, and both in one second."""
    whole = 0 in {one.microsecond // 1000, other.microsecond // 1000}
    return one == other or (whole and one.timestamp() // 1 == other.timestamp() // 1)


def overtaken(event: Event, by: Iterable[Event]) -> bool:
    """Whether an inactive event is certainly newer than this active one."""
    return event.signed is not None and any(
        not each.active
        and each.signed is not None
        and each.signed > event.signed
        and not same_moment(each.signed, event.signed)
        for each in by
    )


@dataclass
class Client:
    """Everything delivered about one client, in the order of delivery.

    `ended`: a deletion of it succeeded, or a person stopped one at `stopped_at`, which was after
    the first `stopped_after` events, and it was not active since: what comes late, and is neither
    newer than that word nor beyond doubt than those before it, says nothing of it. `said_again`:
    active words without a time that came once more, after something else was said.
    """

    events: list[Event] = field(default_factory=list)
    ended: str = ""
    stopped_at: datetime | None = None
    stopped_after: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)
    said_again: list[Event] = field(default_factory=list)

    def knows(self, event: Event) -> bool:
        return (event.id, event.content) in self.seen

    def deliver(self, event: Event) -> None:
        self.seen.add((event.id, event.content))
        if event.garbled or event.dry:
            return
        self.events.append(event)
        if event.active and self._newer_than_no(event) and not overtaken(event, self.events):
            self.end("")

    def _newer_than_no(self, event: Event) -> bool:
        if self.stopped_at is None or (event.signed or event.delivered) > self.stopped_at:
            return True
        return event.signed is not None and all(
            each.signed is not None
            and each.signed < event.signed
            and not same_moment(each.signed, event.signed)
            for each in self.events[: self.stopped_after]
            if not each.active
        )

    def end(self, why: str, stopped_at: datetime | None = None) -> None:
        """Nothing may be made for it any more, or again."""
        self.ended, self.stopped_at, self.stopped_after = why, stopped_at, len(self.events)

    def returned(self, since: int, *, or_may: bool = False) -> Event | None:
        """An active event that counts beyond doubt, or may, among those after the first `since`.

        Where an inactive one was signed at the same moment a person decides, not this order.
        """
        for index in range(since, len(self.events)):
            event = self.events[index]
            doubtful = event.signed is not None and any(
                not each.active
                and each.signed is not None
                and same_moment(each.signed, event.signed)
                for each in self.events[:index]
            )
            if (
                event.active
                and (or_may or not doubtful)
                and not overtaken(event, self.events[:index])
            ):
                return event
        return None

    def unfairly(self, event: Event, verdict: str, reason: str) -> Iterator[str]:
        """Why what became of an event means that it is lost. It was the newest to come."""
        if verdict == "duplicate":
            yield f"{event} was lost: taken for one that came before"
        if reason == "stale" and event.active and not overtaken(event, self.events[:-1]):
            yield f"{event} was lost: it is older than nothing"
        again = any((event.signed or event.delivered) < each.delivered for each in self.said_again)
        if reason == "stale" and not event.active and not again and self.outdated(event) is None:
            yield f"{event} was lost: nothing that says active is newer"

    def outdated(self, event: Event) -> Event | None:
        """An active event, delivered before this inactive one, that is newer than it."""
        before = self.events
        if event in self.events:
            before = self.events[: self.events.index(event)]
        at = event.signed or event.delivered
        for index, each in enumerate(before):
            said = each.signed or each.delivered
            if (
                each.active
                and said > at
                and not same_moment(said, at)
                and not overtaken(each, before[:index])
            ):
                return each
        return None
