"""Which companies are asked about, and what an answer means: pure."""

from typing import Any

import pytest

from adapters.contract import SourceConfig
from adapters.models import DeletionRequest, PsaLink
from tests.unit.test_psa_settings import KEYS, source
from workers.itglue.models import Organization
from workers.psa.asking import Question, questions, weighed
from workers.psa.company import Company
from workers.settings import Settings

NAME = "Violet Pump Works"
AT = {
    "vendor": "autotask",
    "secrets": ["an autotask webhook secret"],
    "webhook_guid": "11111111-2222-4333-8444-555555555555",
}
AT_API = {"username": "u", "secret": "an-api-secret", "integration_code": "c"}


def sources(**asks: bool) -> dict[str, SourceConfig]:
    """Each of them, with credentials where it asks."""
    given: dict[str, Any] = {
        name: (
            {**AT, **({"api": AT_API} if asking else {})}
            if name.startswith("at")
            else {
                **source().model_dump(exclude={"api", "ask_source"}),
                "itglue_integration": name,
                **({"api": KEYS} if asking else {}),
            }
        )
        for name, asking in asks.items()
    }
    return dict(Settings(itglue={"api_key": "x"}, sources=given).sources)


def asked(
    links: tuple[tuple[str, str], ...] | None,
    by: str = "cw",
    named: str | None = "250",
    **asks: bool,
) -> set[tuple[str, str, bool]]:
    """(source, company, its own) of what is asked."""
    psa = PsaLink(integration_type="manage", company_id=named) if named else None
    organization = Organization(
        id="1",
        name=NAME,
        psa_ids=None if links is None else tuple(number for number, _ in links),
        psa_types=tuple(kind for _, kind in links or ()),
    )
    request = DeletionRequest(org_name=NAME, psa=psa)
    found = questions(request, by, organization, sources(**asks))
    return {(each.source, each.company_id, each.own) for each in found}


@pytest.mark.parametrize(
    ("links", "more", "expected"),
    [
        # Its own company, found by its own link, is asked once and of nobody else.
        ((("250", ""),), {"cw": True, "at": True}, {("cw", "250", True)}),
        ((("250", "manage"),), {"cw": True, "at": True}, {("cw", "250", True)}),
        (None, {"cw": True}, {("cw", "250", True)}),
        ((("250", ""),), {"cw": False, "at": True}, set()),
        ((("250", ""),), {"cw": False}, set()),
        # A number that another PSA may mean is asked there too.
        (
            (("250", ""), ("9", "")),
            {"cw": True, "at": True},
            {("cw", "250", True), ("cw", "9", False), ("at", "9", False)},
        ),
        ((("250", "manage"), ("9", "autotask")), {"cw": True}, {("cw", "250", True)}),
        # The same number in another PSA is another company.
        (
            (("250", "manage"), ("250", "autotask")),
            {"cw": True, "at": True},
            {("cw", "250", True), ("at", "250", False)},
        ),
        # Two tenants of one integration: only its own knows its own company.
        ((("250", ""),), {"cw": True, "cw2": True}, {("cw", "250", True)}),
        (
            (("250", ""),),
            {"cw": True, "cw2": True, "by": "std"},
            {("cw", "250", True), ("cw2", "250", True)},
        ),
        # A person or a schedule names no company.
        ((("250", "manage"),), {"cw": True, "named": None}, {("cw", "250", False)}),
        ((), {"cw": True, "named": None}, set()),
    ],
)
def test_whom_it_asks(links: Any, more: dict[str, Any], expected: set[Any]) -> None:
    assert asked(links, **more) == expected


@pytest.mark.parametrize(
    ("company", "question", "state"),
    [
        (Company("250", NAME, active=False, because=""), {}, "inactive"),
        (Company("250", NAME, active=True, because=""), {}, "active"),
        # Active counts under any name; another id is not the company that was asked about.
        (Company("250", "Other", active=True, because=""), {}, "active"),
        (Company("251", NAME, active=False, because=""), {}, "doubt"),
        (Company("250", "Other", active=False, because=""), {"own": False}, "doubt"),
        (Company("250", "As Sent", active=False, because=""), {}, "doubt"),
        (None, {}, "doubt"),
        (None, {"deleted": True}, "inactive"),
        (None, {"deleted": True, "own": False}, "doubt"),
        (None, {"deleted": True, "company_id": "25/0"}, "doubt"),
        (None, {"deleted": True, "company_id": "0"}, "doubt"),
    ],
)
def test_what_it_means(company: Company | None, question: dict[str, Any], state: str) -> None:
    meant = Question(**{"source": "cw", "company_id": "250", "own": True, **question})
    organization = Organization(id="1", name=NAME)
    assert weighed(meant, company, organization, NAME).state == state


def test_the_events_name_counts_too() -> None:
    company = Company("250", NAME, active=False, because="")
    said = weighed(Question("cw", "250", own=True), company, Organization(id="1", name=NAME), "Old")
    assert said.state == "doubt"
    assert "'Old'" in said.words
