"""The companies of a PSA against the organizations of IT Glue."""

import asyncio
import csv
import dataclasses
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from adapters.likeness import likeness
from workers.itglue.models import Organization
from workers.ledger.installation.memory import Memory
from workers.pipeline.identity.naming import same
from workers.processes.connections import open_context
from workers.psa.companies import Asked
from workers.psa.company import Company, PsaClient, every
from workers.settings import Settings

State = Literal["linked", "by_name", "ambiguous", "several_links", "missing", "unknown_company"]
STATES: Final[tuple[State, ...]] = (
    "linked", "by_name", "ambiguous", "several_links", "missing", "unknown_company",
)  # fmt: skip

# Organizations a page: few, so that decoding one keeps nobody waiting.
_PAGE: Final = 250
# What a program that opens the file might take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Link:
    """How one company is found in IT Glue.

    `linked`: by one link alone, and of its name. `by_name`: no link, one organization of exactly
    its name. `ambiguous`: more than one organization, or a link to one of another name.
    `several_links`: its organization is linked to other companies, too. `missing`: no organization.
    `unknown_company`: a link to a company that the PSA does not list. `active` is `None` there.
    `backlog`: inactive in the PSA, and still in IT Glue.
    """

    state: State
    company_id: str
    company_name: str
    active: bool | None
    words: str
    org_ids: tuple[str, ...] = ()
    org_name: str = ""
    org_status: str | None = None
    backlog: bool = False


_FIELDS: Final = tuple(each.name for each in dataclasses.fields(Link))


async def compare(
    settings: Settings, source: str, memory: Memory | None = None
) -> tuple[Link, ...]:
    """How the companies of the source's PSA are found in IT Glue, those that need somebody first.

    Raises PsaError, ITGlueError: the PSA, or IT Glue, does not tell all of them.
    """
    config = settings.sources[source]
    async with open_context(settings, memory=memory) as context, Asked({source: config}) as asked:
        companies = await every_company(await asked.client(source))
        organizations = await context.itglue.organizations(most=_PAGE)
    # The service compares, too, and takes in deliveries meanwhile.
    return await asyncio.to_thread(matched, companies, organizations, config.integration_type)


def csv_of(links: Iterable[Link]) -> str:
    """As a table for other programs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    writer.writerows(map(_cell, row_of(each)) for each in links)
    return text.getvalue()


def row_of(link: Link) -> tuple[Any, ...]:
    """Its fields, in order."""
    return tuple(getattr(link, name) for name in _FIELDS)


def _cell(value: object) -> str:
    shown = " ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


async def every_company(client: PsaClient) -> tuple[Company, ...]:
    """All companies of the PSA. Raises PsaError: it does not tell all of them."""
    companies, faults = await every(client)
    if faults:
        raise client.unreadable(faults[0])
    return companies


def matched(
    companies: Sequence[Company], organizations: Iterable[Organization], integration: str | None
) -> tuple[Link, ...]:
    """Each company, and each link to none of them, those that need somebody first.

    `integration` is what the links may be of.
    """
    by_link: dict[str, list[Organization]] = defaultdict(list)
    by_name: dict[str, list[Organization]] = defaultdict(list)
    for each in organizations:
        by_name[likeness(each.name)].append(each)
        for number in dict.fromkeys(each.psa_ids or ()):
            if integration is not None and each.linked_to(integration, number):
                by_link[number].append(each)
    found = [_of(company, by_link[company.id], by_name) for company in companies]
    known = {company.id for company in companies}
    found += [_unknown(number, by_link[number]) for number in by_link if number not in known]
    return tuple(sorted(found, key=lambda each: (not each.backlog, STATES.index(each.state))))


def _of(
    company: Company, linked: Sequence[Organization], by_name: dict[str, list[Organization]]
) -> Link:
    if linked:
        organization = linked[0]
        if len(linked) > 1:
            return _link(company, "ambiguous", linked, "several organizations are linked to it")
        if len(organization.psa_ids or ()) > 1:
            others = ", ".join(each for each in organization.psa_ids or () if each != company.id)
            return _link(company, "several_links", linked, f"linked to {others} as well")
        if not same(company.name, organization.name):
            return _link(company, "ambiguous", linked, "linked to one of another name")
        return _link(company, "linked", linked, "")
    alike = by_name[likeness(company.name)]
    if len(alike) > 1:
        return _link(company, "ambiguous", alike, "several organizations have its name")
    if alike and same(company.name, alike[0].name):
        state: State = "ambiguous" if alike[0].psa_ids else "by_name"
        words = "one of its name is linked to another company" if alike[0].psa_ids else ""
        return _link(company, state, alike, words)
    return _link(company, "missing", (), "its name is only similar to one" if alike else "")


def _link(
    company: Company, state: State, organizations: Sequence[Organization], words: str
) -> Link:
    first = organizations[0] if organizations else None
    return Link(
        state,
        company.id,
        company.name,
        company.active,
        words,
        tuple(each.id for each in organizations),
        first.name if first else "",
        first.status if first else None,
        backlog=bool(organizations) and not company.active and company.asks,
    )


def _unknown(number: str, organizations: Sequence[Organization]) -> Link:
    ids = tuple(each.id for each in organizations)
    first = organizations[0]
    words = "the PSA lists no company of this number"
    return Link("unknown_company", number, "", None, words, ids, first.name, first.status)


def to_sweep(links: Iterable[Link]) -> tuple[str, ...]:
    """The organizations of the backlog that one link and the name prove to be of their company."""
    return tuple(each.org_ids[0] for each in links if each.backlog and each.state == "linked")
