"""What a PSA says of a company, as values that every vendor's client answers with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from adapters.errors import PsaAnswerUnreadable


@dataclass(frozen=True, slots=True)
class Company:
    """A company as its PSA shows it now; `because` says in words why it is active or not.

    `deleted`: it is not only inactive there. `asks`: an event that said the same would ask for a
    deletion, as its source is configured. `changed_at` and `changed_by` are of its newest change,
    where the PSA tells.
    """

    id: str
    name: str
    active: bool
    because: str
    deleted: bool = False
    asks: bool = True
    changed_at: datetime | None = None
    changed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some companies in the order of their ids, none twice; `last` is the id to go on after.

    `faults` says what of it could not be read. One without a `last` is the end.
    """

    companies: tuple[Company, ...] = ()
    last: str | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """A status that a company may have; `inactive` is the PSA's own word for it."""

    id: str
    name: str
    inactive: bool


class PsaClient(Protocol):
    """One tenant's API. Nothing is tried twice: that is for who asks."""

    async def company(self, company_id: str) -> Company | None:
        """The company, or `None` if the PSA says it has none. Raises PsaError."""

    async def statuses(self) -> tuple[Status, ...] | None:
        """The statuses that companies may have, or `None` where the PSA knows only yes and no.

        It also shows that the credentials work. Raises PsaError: it does not tell.
        """

    def unreadable(self, what: str) -> PsaAnswerUnreadable:
        """The error for an answer that says nothing."""

    async def page(self, after: str, since: datetime | None) -> Page:
        """The companies with the ids that follow `after`; with `since`, those changed since then.

        Asked for by id and not by number of page: what changes meanwhile moves nothing. Raises
        PsaError: it does not tell.
        """


async def every(client: PsaClient) -> tuple[tuple[Company, ...], tuple[str, ...]]:
    """All companies of the PSA, and what of them could not be read. Raises PsaError."""
    found, faults, after = dict[str, Company](), list[str](), "0"
    while True:
        page = await client.page(after, None)
        found |= {each.id: each for each in page.companies}
        faults += page.faults
        if page.last is None:
            return tuple(found.values()), tuple(faults)
        after = page.last
