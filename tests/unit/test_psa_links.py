"""Companies of a PSA against organizations of IT Glue: how each is found, and what may be swept."""

import pytest

from workers.bulk.links import Link, matched, to_sweep
from workers.itglue.models import Organization
from workers.psa.company import Company

GONE = "Violet Pump Works"


def organization(number: str, name: str, *links: str, **more: str) -> Organization:
    types = tuple(more.values()) if more else ("manage",) * len(links)
    return Organization(id=number, name=name, status="Inactive", psa_ids=links, psa_types=types)


def company(number: str, name: str, *, active: bool = False, asks: bool = True) -> Company:
    return Company(number, name, active=active, because="", asks=asks)


def only(companies: list[Company], organizations: list[Organization]) -> Link:
    (found,) = matched(companies, organizations, "manage")
    return found


@pytest.mark.parametrize(
    ("organizations", "state", "swept"),
    [
        ([organization("401", GONE, "250")], "linked", ("401",)),
        ([organization("401", GONE)], "by_name", ()),
        ([organization("401", "Violet Pump Works Ltd", "250")], "ambiguous", ()),
        ([organization("401", GONE, "250"), organization("402", "B", "250")], "ambiguous", ()),
        ([organization("401", GONE), organization("402", "VIOLET pump works")], "ambiguous", ()),
        ([organization("401", GONE, "250", "251")], "several_links", ()),
        ([organization("401", "Amber Mills")], "missing", ()),
        ([organization("401", "Violet  Pump Works")], "missing", ()),
        ([], "missing", ()),
    ],
)
def test_how_a_company_is_found(
    organizations: list[Organization], state: str, swept: tuple[str, ...]
) -> None:
    found = matched([company("250", GONE), company("251", "Zinc")], organizations, "manage")
    assert found[0].state == state
    assert found[0].backlog is (state != "missing")
    assert to_sweep(found) == swept


@pytest.mark.parametrize(
    ("who", "backlog"),
    [
        (company("250", GONE), True),
        (company("250", GONE, active=True), False),
        # Inactive there, and for this source no reason to delete.
        (company("250", GONE, asks=False), False),
    ],
)
def test_what_is_to_be_cleaned_up(who: Company, *, backlog: bool) -> None:
    found = only([who], [organization("401", GONE, "250")])
    assert found.backlog is backlog
    assert bool(to_sweep([found])) is backlog


def test_a_link_of_another_psa_is_none() -> None:
    other = organization("401", GONE, "250", kind="autotask")
    assert only([company("250", GONE)], [other]).state == "ambiguous"


def test_a_link_to_nobody_is_told() -> None:
    _, left = matched([company("250", GONE)], [organization("401", "Amber", "9")], "manage")
    assert (left.state, left.company_id, left.org_ids, left.backlog) == (
        "unknown_company", "9", ("401",), False,
    )  # fmt: skip
