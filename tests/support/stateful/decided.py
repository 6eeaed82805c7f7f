"""Whether a call rests on what was decided: on whose word, what was asked for, what was shown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.stateful.account import Facts
from tests.support.stateful.clients import Event
from tests.support.stateful.people import Approval
from tests.support.stateful.words import Words, folded
from workers.ledger.records import Deletion
from workers.settings import Settings

_HARDNESS = {"preview": 0, "soft_delete": 1, "delete": 2}


@dataclass(frozen=True)
class Asked:
    """How a deletion came to be, or began anew: by which event, under which mode."""

    order: int
    mode: str
    event: Event | None = None
    overruling: bool = False
    ledger: int = 0


@dataclass(frozen=True)
class Subject:
    """Which organization the first plan was about."""

    id: int
    name: str
    created_at: str | None
    companies: frozenset[str]

    def differs(self, there: Facts) -> Iterator[str]:
        companies = frozenset(company for _, company in there.links)
        found = Subject(there.id, there.name, there.created_at, companies)
        if found != self:
            yield f"first planned was {self}, and there was {found}"


@dataclass
class Decided:
    """What was decided of every deletion. `settings` are the newest configuration in force.

    `lost_after` so many words the ledger was last lost, if nobody accepted that yet.
    """

    words: Words = field(default_factory=Words)
    settings: Settings | None = None
    asked: dict[str, Asked] = field(default_factory=dict)
    first: dict[str, Subject] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    ledger: int = 1
    lost_after: int | None = None
    accepted_at: datetime | None = None

    def born(self, deletion_id: str, mode: str, event: Event | None = None) -> None:
        """A deletion was asked for."""
        self.asked[deletion_id] = Asked(self.words.order, mode, event, ledger=self.ledger)

    def begun_anew(self, deletion_id: str, mode: str) -> None:
        """A person has a deletion begin anew, whatever others said before."""
        before = self.asked[deletion_id]
        self.asked[deletion_id] = Asked(
            self.words.order, mode, before.event, overruling=True, ledger=self.ledger
        )
        self.first.pop(deletion_id, None)
        self.planned.pop(deletion_id, None)

    def lose(self) -> None:
        """The ledger is emptied, or an older one comes back."""
        self.lost_after = self.words.order

    def accept(self, at: datetime) -> None:
        """A person accepts it as it is, without what it may lack."""
        assert self.lost_after is not None
        self.words.forget(self.lost_after)
        self.lost_after, self.accepted_at = None, at
        self.ledger += 1

    def plan(self, deletion: Deletion) -> None:
        """A plan was recorded."""
        self.planned[deletion.id] = self.words.order
        if deletion.plan is not None:
            there = deletion.plan.organization
            companies = frozenset(there.psa_ids or ())
            subject = Subject(int(there.id), there.name, there.created_at, companies)
            self.first.setdefault(deletion.id, subject)

    def objections(
        self, deletion: Deletion, there: Facts, kind: str, by: Settings, approval: Approval | None
    ) -> Iterator[str]:
        """Everything that speaks against a call of this kind by a worker with this file."""
        if self.lost_after is not None:
            yield "the ledger is not the one that it was, and nobody accepted that"
        newest = self.settings
        if newest and (by.policy, by.sources) != (newest.policy, newest.sources):
            yield "its worker has another file than the newest one"
        yield from self.words.active(there, approval.order if approval else 0, by.sources)
        yield from self.words.held(deletion.source, there, by.sources)
        yield from self._refused(deletion, there, approval)
        if self.asked[deletion.id].ledger != self.ledger:
            yield "it was asked for before somebody accepted the ledger as it is"
        asked = self.asked[deletion.id]
        allowed = max(asked.mode, approval.mode if approval else "preview", key=_hardness)
        if _hardness(kind) > _hardness(allowed):
            yield f"asked for or approved was {allowed}"
        if approval is None:
            yield from self._unapproved(deletion, asked, there, by)

    def _refused(
        self, deletion: Deletion, there: Facts, approval: Approval | None
    ) -> Iterator[str]:
        no = self.words.refused(there)
        if no is None or (approval is not None and approval.order >= no.order):
            return
        asked = self.asked[deletion.id]
        by_name = deletion.source == "api" and deletion.request.org_name is not None
        if asked.order >= no.order and (by_name or asked.overruling):
            return
        yield f"a person said no to it after {no.order} words, and it was asked for as {asked}"

    def _unapproved(
        self, deletion: Deletion, asked: Asked, there: Facts, by: Settings
    ) -> Iterator[str]:
        if deletion.id in self.first:
            yield from self.first[deletion.id].differs(there)
        yield from self.words.unheard(there)
        if not deletion.by_webhook:
            return
        source = by.sources.get(deletion.source)
        if source is None or source.vendor != deletion.vendor:
            yield f"source {deletion.source} is configured no longer"
        elif not source.confirm_delete:
            yield f"source {deletion.source} is trusted no longer"
        if asked.event is not None:
            yield from self._doubtful(asked.event)
            yield from self._unnamed(deletion, asked.event, there)

    def _doubtful(self, event: Event) -> Iterator[str]:
        mine = set(event.forms)
        same = [
            each
            for each in self.words.said
            if each.source == event.source and mine & set(each.forms)
        ]
        if not any(each.signed for each in same if not each.active):
            yield f"no time was signed: {event}"
        if self.accepted_at and event.signed and event.signed < self.accepted_at:
            yield f"it was signed before somebody accepted the ledger: {event}"
        equal = [each for each in same if each.active and each.signed == event.signed]
        later = [each for each in same if not each.active and each.signed and event.signed]
        if event.signed and equal and all(each.signed == event.signed for each in later):
            yield f"which came last, nobody knows: {event} and {equal}"

    def _unnamed(self, deletion: Deletion, event: Event, there: Facts) -> Iterator[str]:
        if deletion.request.psa is None or deletion.request.org_name is not None:
            return
        if folded(there.name) not in self.words.named(event.forms):
            yield "only a number says which organization is meant"


def _hardness(mode: str) -> int:
    return _HARDNESS[mode]
