"""The PSA of the rehearsal: what it says of each company now, or that it says nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from adapters.errors import PsaAnswerUnreadable, PsaError, PsaUnreachable
from tests.support.clock import TestClock
from tests.support.stateful.job import JOB, Job, Order
from workers.psa.company import Company, Page

_A_PAGE = 1
COMPANIES = {
    ("cw", "2"): "TestCompany",
    ("cw", "12"): "Blue Heron Canoes",
    ("cw", "21"): "Paper Moon Cinema",
    ("cw", "22"): "Tin Whistle Holdings",
    ("cw", "23"): "Glass Harbour Aquarium",
    ("cw", "24"): "Clockwork Orchard",
    ("cw", "25"): "Saffron Bicycle Repair",
    ("cw", "26"): "Saffron Bicycle Repair",
    ("cw", "27"): "Moss, Fern and Partners",
    ("at", "2"): "Autotask Corporation",
}


@dataclass
class StandIn:
    """Both PSAs, by the source that asks. `away` is how they fail, if they do.

    `told` hears of every answer that a job got, and of the moment at which that was so. Changes are
    made up for that came after a source was first `followed`. It shows so many `pages` more, if
    that is said.
    """

    clock: TestClock
    away: type[PsaError] | None = None
    told: Callable[[Job, str, str, datetime, Company | None], None] = lambda *_: None
    known: dict[tuple[str, str], Company] = field(default_factory=dict)
    followed: dict[str, datetime] = field(default_factory=dict)
    pages: int | None = None

    def __post_init__(self) -> None:
        long_ago = self.clock() - timedelta(days=30)
        for (source, number), name in COMPANIES.items():
            there = Company(number, name, number == "12", "its status", changed_at=long_ago)
            self.known[source, number] = there

    def change(self, source: str, number: str, to: str) -> Company | None:
        """Somebody makes a company active or inactive, renames it or removes it."""
        name = COMPANIES.get((source, number), "A New Company")
        there = self.known.get((source, number)) or Company(number, name, False, "its status")  # noqa: FBT003 - the vendor's own flag
        match to:
            case "gone":
                self.known.pop((source, number), None)
                return None
            case "renamed":
                there = replace(there, name="Renamed", changed_at=self.clock())
            case _:
                active = to == "active"
                there = replace(there, name=name, active=active, changed_at=self.clock())
        self.known[source, number] = there
        return there

    async def company(self, source: str, company_id: str) -> Company | None:
        """What it says of a company to the job that asks."""
        job = JOB.get()
        assert job is not None, "only jobs ask about one company"
        if await job.gate("psa:before") is Order.LOSE:
            raise PsaUnreachable("refused", source)
        self._require_there(source)
        at, there = self.clock(), self.known.get((source, company_id))
        if await job.gate("psa:after") is Order.LOSE:
            raise PsaUnreachable("the connection broke off", source)
        self.told(job, source, company_id, at, there)
        return there

    async def client(self, source: str) -> "_Lists":
        """As whoever catches up asks."""
        return _Lists(self, source)

    def _require_there(self, source: str) -> None:
        if self.away is not None:
            raise self.away("the test says so", source)

    def changed(self, source: str, after: str, since: datetime) -> Page:
        """Some of the companies that changed since then, by their ids."""
        self._require_there(source)
        if self.pages is not None:
            self.pages -= 1
            if self.pages < 0:
                raise PsaUnreachable("the connection broke off", source)
        found = sorted(
            (there for (whose, _), there in self.known.items() if whose == source),
            key=lambda there: int(there.id),
        )
        late = [each for each in found if int(each.id) > int(after) and _changed(each) >= since]
        page = tuple(late[:_A_PAGE])
        return Page(page, page[-1].id if page else None)


def _changed(there: Company) -> datetime:
    assert there.changed_at is not None
    return there.changed_at


@dataclass(frozen=True)
class _Lists:
    """What changed, for who catches up with a source."""

    psa: StandIn
    source: str

    async def page(self, after: str, since: datetime) -> Page:
        return self.psa.changed(self.source, after, since)

    def unreadable(self, what: str) -> PsaAnswerUnreadable:
        return PsaAnswerUnreadable(what, self.source)
