"""What was said of an organization, by whom, in which order: whether it may go is judged by that.

Independent of the ledger: it knows only what the senders sent and what people did. A word counts
for an organization if one of its forms is one of the organization's. It errs to the other side
than the product may: what it calls wrong is wrong beyond doubt.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.support.stateful.account import Facts
from tests.support.stateful.clients import Event, overtaken

_PSA = ("manage:", "autotask:")


def folded(name: str) -> str:
    """A name as people compare it."""
    return " ".join(name.split()).casefold()


def forms_of(there: Facts) -> frozenset[str]:
    """Everything by which a sender may know this organization."""
    links = {f"{kind}:{company}" for kind, company in there.links}
    return frozenset({f"org:{there.id}", f"name:{folded(there.name)}", *links})


@dataclass(frozen=True)
class No:
    """A person stopped a deletion of this organization, about this client, after so many words."""

    org_id: int
    order: int
    client: tuple[str, str]


@dataclass
class Words:
    """Everything said so far, in the order in which it came in. An order is a number of words.

    `unclear` is what could not be read, by its delivery, until somebody says what it was. Of the
    first `forgotten` words a person accepted that the ledger has them no more.
    """

    said: list[Event] = field(default_factory=list)
    noes: dict[int, No] = field(default_factory=dict)
    unclear: dict[str, Event] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def order(self) -> int:
        return len(self.said)

    def hear(self, event: Event) -> None:
        """A genuine event was answered with 202, and can be read."""
        self.said.append(event)

    def forget(self, order: int) -> None:
        """Somebody accepts a ledger that may lack everything before this."""
        self.forgotten = order
        self.noes.clear()

    def held(self, source: str, there: Facts, sources: Container[str]) -> Iterator[str]:
        """What could not be read, and may be about a client of this source or organization."""
        mine = forms_of(there)
        for delivery, each in self.unclear.items():
            if each.source not in sources:
                continue
            readable = set(each.forms) if each.garbled == "status" else set()
            if (each.source == source and not readable) or readable & mine:
                yield f"{each}, kept as {delivery}, was not understood and is not dismissed"

    def refuse(self, org_id: int, source: str, client: str) -> None:
        """A person says no to a deletion of this organization, which was about this client."""
        # A word about nobody: who asked after as many words as before it did not know of it.
        self.said.append(
            Event(
                "no", "", "", active=False, signed=None, delivered=datetime.min.replace(tzinfo=UTC)
            )
        )
        self.noes[org_id] = No(org_id, self.order, (source, client))

    def active(self, there: Facts, seen: int, sources: Container[str]) -> Iterator[str]:
        """Which of these sources says that this client is active, after the first `seen` words."""
        mine = forms_of(there)
        about = [(n, each) for n, each in enumerate(self.said) if mine & set(each.forms)]
        for number, each in about:
            if not each.active or each.source not in sources:
                continue
            if number < max(seen, self.forgotten):
                continue
            rest = [(n, other) for n, other in about if _same_client(each, other)]
            if not any(_overtakes(n, other, number, each) for n, other in rest):
                yield f"{each} says that it is active, after {seen} words"

    def outdated(self, active: Event, there: Facts) -> bool:
        """Whether its source signed later that this organization's client is inactive."""
        mine = forms_of(there)
        about = (each for each in self.said if mine & set(each.forms))
        return overtaken(active, (each for each in about if _same_client(active, each)))

    def refused(self, there: Facts) -> No | None:
        """A person's no that stands: the client was not active since, under whatever name."""
        no = self.noes.get(there.id)
        if no is None:
            return None
        mine = forms_of(there)
        for each in self.said[no.order :]:
            if each.active and (mine & set(each.forms) or (each.source, each.client) == no.client):
                return None
        return no

    def unheard(self, there: Facts) -> Iterator[str]:
        """Links of which no genuine event said that their client is inactive."""
        if len(there.links) < 2:
            return
        gone = {form for each in self.said if not each.active for form in each.forms}
        for kind, company in sorted(there.links):
            if f"{kind}:{company}" not in gone:
                yield f"nobody said that {kind}:{company}, one of its links, is inactive"

    def named(self, forms: Iterable[str]) -> set[str]:
        """The names under which genuine events spoke of a client with one of these forms."""
        mine = set(forms)
        return {folded(each.name) for each in self.said if each.name and mine & set(each.forms)}


def _same_client(one: Event, other: Event) -> bool:
    """Whether two words of a source are about one client: a PSA has several for an organization."""
    if one.source != other.source:
        return False
    mine = {form for form in one.forms if form.startswith(_PSA)}
    theirs = {form for form in other.forms if form.startswith(_PSA)}
    return not mine or not theirs or bool(mine & theirs)


def _overtakes(number: int, inactive: Event, before: int, active: Event) -> bool:
    """Whether an inactive word is the newer one of the two, as far as anybody can tell."""
    if inactive.active:
        return False
    if inactive.signed and active.signed:
        return inactive.signed > active.signed
    at, then = inactive.signed or inactive.delivered, active.signed or active.delivered
    return number > before and at >= then
