"""Which companies are asked about before a deletion, and what their PSAs' answers mean.

`questions` and `weighed` are pure. An answer only ever forbids: a deletion that nobody asked for is
not made by it.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from adapters.contract import SourceConfig
from adapters.errors import PsaError
from adapters.fields import printable
from adapters.models import DeletionRequest
from workers.itglue.models import Organization
from workers.pipeline.identity.naming import hardly_differ, same
from workers.psa.company import Company

if TYPE_CHECKING:
    # It brings every vendor's client, which who only reads answers need not have.
    from workers.psa.companies import Companies

# What goes into the path of a request. A link's number is IT Glue's text.
_NUMBERED: Final = "id:"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """One company that a source's PSA is asked about.

    `own`: it is the company that the event named; then `deleted` is whether the event said that it
    is gone.
    """

    source: str
    company_id: str
    own: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What the PSA's answer to a question comes to.

    `inactive`: nothing in it speaks against the deletion. `active`: the company is active.
    `doubt`: a person must look, `words` says at what.
    """

    source: str
    company_id: str
    state: Literal["inactive", "active", "doubt"]
    words: str

    @property
    def evidence(self) -> str:
        """What an approval of it rests on."""
        return f"{self.source}/{self.company_id}/{self.state}"


def questions(
    request: DeletionRequest,
    by: str,
    organization: Organization,
    sources: Mapping[str, SourceConfig],
    identities: Sequence[tuple[str, str]] = (),
) -> tuple[Question, ...]:
    """The company that the event named, then every linked one that a source can answer for.

    `by` is the source of the event, which knows its own company best. By its `identities` the event
    named the client where IT Glue's links know nothing of the vendor.
    A link whose integration IT Glue does not state is asked of every source: that a PSA does not
    know it, or knows another client under its number, is a person's to look at.
    """
    found: dict[tuple[str, str], Question] = {}
    asked = {name: kind for name, each in sources.items() if (kind := _integration(each))}
    named = request.psa
    if named is not None:
        alike = [source for source, kind in asked.items() if kind == named.integration_type]
        for source in [by] if by in alike else alike:
            question = Question(source, named.company_id, own=True, deleted=bool(named.deleted))
            found[source, named.company_id] = question
    own = sources.get(by)
    if named is None and own is not None and own.asks and own.integration_type is None:
        for source, client in identities:
            if source == by and client.startswith(_NUMBERED):
                number = client.removeprefix(_NUMBERED)
                question = Question(by, number, own=True, deleted=own.deletes_only)
                found[by, number] = question
    numbers = organization.psa_ids or ()
    kinds = organization.psa_types or ("",) * len(numbers)
    for number, stated in zip(numbers, kinds, strict=True):
        if named and named.company_id == number and stated in {"", named.integration_type}:
            # By this link the organization was found.
            continue
        for source, kind in asked.items():
            if stated in {"", kind}:
                found.setdefault((source, number), Question(source, number))
    return tuple(found.values())


def _integration(source: SourceConfig) -> str | None:
    return source.integration_type if source.asks else None


async def ask(questions: Sequence[Question], companies: "Companies") -> tuple[Company | None, ...]:
    """The answers, in order; none for what is no company's number. Raises PsaError."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(companies.company(each.source, each.company_id))
                if _NUMBER.fullmatch(each.company_id)
                else None
                for each in questions
            ]
    except* PsaError as errors:
        raise _first(errors) from None
    return tuple(task.result() if task is not None else None for task in tasks)


def weighed(
    question: Question, company: Company | None, organization: Organization, event_name: str | None
) -> Said:
    """What an answer means for the deletion: pure. `event_name`: as an event called it."""
    asked = f"company {question.company_id} of source {question.source}"

    def said(state: Literal["inactive", "active", "doubt"], words: str) -> Said:
        return Said(question.source, question.company_id, state, words)

    if not _NUMBER.fullmatch(question.company_id):
        return said("doubt", f"{asked} cannot be asked about: it is no number of a company")
    if company is None:
        if question.own and question.deleted:
            return said("inactive", f"{asked} is gone from the PSA, as its event said")
        return said("doubt", f"the PSA has no {asked}, and no event said that it was deleted")
    shown = f"{asked} ({printable(company.name, 100)!r})"
    if company.id != question.company_id:
        return said("doubt", f"asked for {asked}, the PSA showed company {company.id}")
    if company.active:
        return said("active", f"{shown} is active in the PSA: {company.because}")
    names = {"the organization": organization.name}
    if question.own and event_name:
        names["the event"] = event_name
    for whose, name in names.items():
        if not same(company.name, name):
            near = hardly_differ(company.name, name)
            return said("doubt", f"{shown} is called otherwise than {whose}, {name!r}{near}")
    return said("inactive", f"{shown} is inactive in the PSA: {company.because}")


def told(answers: Sequence[Said]) -> dict[str, Any]:
    """The journal's line."""
    return {"entry": "psa_asked", "said": [asdict(answer) for answer in answers]}


def _first(errors: BaseExceptionGroup[PsaError]) -> PsaError:
    """One of the errors: that the credentials are refused, before what passes by itself."""
    found = [error for error in errors.exceptions if isinstance(error, PsaError)]
    return next((error for error in found if not error.retryable), found[0])
