"""What a PSA says of a company, as values that every vendor's client answers with."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Company:
    """A company as its PSA shows it now; `because` says in words why it is active or not."""

    id: str
    name: str
    active: bool
    because: str


@dataclass(frozen=True, slots=True)
class Status:
    """A status that a company may have; `inactive` is the PSA's own word for it."""

    id: str
    name: str
    inactive: bool


class PsaClient(Protocol):
    """One tenant's API. Nothing is tried twice: that is for who asks."""

    async def company(self, company_id: str) -> Company | None:
        """The company, or `None` if the PSA says that it has none of this id.

        Raises:
            PsaUnreachable, PsaRefused, PsaAnswerUnreadable: it says neither.
        """
        ...

    async def statuses(self) -> tuple[Status, ...] | None:
        """The statuses that companies may have, or `None` where the PSA knows only yes and no.

        It also shows that the credentials work.

        Raises:
            PsaUnreachable, PsaRefused, PsaAnswerUnreadable: it does not tell.
        """
        ...
