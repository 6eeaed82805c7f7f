"""What sources and persons said of an organization, as its gates judge it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.models import DeletionRequest, PsaLink
from workers.itglue.models import Inventory, Organization
from workers.ledger.deleting.registers import Decline, Register, Standing
from workers.pipeline.gates import standing
from workers.pipeline.gates.subject import Subject
from workers.settings.policy import PolicySettings

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LINKED = Organization(id="301", name="Acme", psa_ids=("250",), created_at="2020-01-01")
CW = {"cw": "manage"}
ACTIVE = Register("cw", "250", "active", "1", 1, NOW)


def subject(organization: Organization = LINKED, /, **fields: Any) -> Subject:
    request = DeletionRequest(org_id="301", confirm_delete=True)
    facts = {"request": request, "inventory": Inventory(), "policy": PolicySettings(), "now": NOW}
    return Subject(**{"organization": organization, **facts, **fields})


def said(*registers: Register, noes: tuple[Decline, ...] = ()) -> Standing:
    return Standing(registers, noes)


def no(at: datetime = NOW, number: int = 0) -> Decline:
    return Decline("org:301", "bob", at, "they pay again", "rejected", "del_1", number)


def test_a_person_is_shown_which_source_says_active_and_when() -> None:
    asked = standing.client_active(subject(standing=said(ACTIVE)))
    assert asked.verdict == "ask"
    assert asked.message == "source cw said at 2026-11-27T12:00:00Z that client '250' is active"


def test_two_events_of_one_second_differ() -> None:
    first = standing.client_active(subject(standing=said(ACTIVE)))
    second = standing.client_active(subject(standing=said(replace(ACTIVE, epoch="2"))))
    assert first.message == second.message
    assert first != second


@pytest.mark.parametrize("state", ["", "inactive", "deleted", "cancelled"])
def test_nothing_else_is_active(state: str) -> None:
    quiet = said(replace(ACTIVE, state=state))
    assert standing.client_active(subject(standing=quiet)).verdict == "pass"


@pytest.mark.parametrize(
    ("links", "registers", "verdict"),
    [
        ((), (), "pass"),
        (("250",), (), "pass"),
        (("250", "261"), (), "ask"),
        (("250", "261"), (("cw", "250", "inactive"),), "ask"),
        (("250", "261"), (("cw", "250", "inactive"), ("cw", "261", "inactive")), "pass"),
        (("250", "261"), (("cw", "250", "inactive"), ("cw", "261", "active")), "ask"),
        (("250", "261"), (("cw", "250", "inactive"), ("std", "psa:manage:261", "deleted")), "pass"),
        (("250", "261"), (("cw", "250", "inactive"), ("std", "261", "inactive")), "ask"),
        (("250", "261"), (("cw", "250", "inactive"), ("cw", "261", "inactive", "Else")), "ask"),
        (("250", "261"), (("cw", "250", "inactive"), ("cw", "261", "inactive", "")), "ask"),
        (None, (), "refuse"),
    ],
)
def test_each_linked_company_is_known_to_be_inactive_or_a_person_is_asked(
    links: tuple[str, ...] | None, registers: tuple[tuple[str, ...], ...], verdict: str
) -> None:
    told = said(
        *(
            Register(source, client, state, name=name[0] if name else LINKED.name)
            for source, client, state, *name in registers
        )
    )
    organization = replace(LINKED, psa_ids=links)
    answer = standing.psa_links(subject(organization, standing=told, psa_sources=CW))
    assert answer.verdict == verdict
    if links and any(each[3:] for each in registers):
        # Where IT Glue says whose the number is, it is that company, whatever it is called.
        stated = replace(organization, psa_types=("manage", "manage"))
        assert standing.psa_links(subject(stated, standing=told, psa_sources=CW)).verdict == "pass"


def test_numbers_of_two_psas_are_not_told_apart() -> None:
    told = said(Register("cw", "250", "inactive"), Register("at", "261", "inactive"))
    organization = replace(LINKED, psa_ids=("250", "261"))
    both = {**CW, "at": "autotask"}
    answer = standing.psa_links(subject(organization, standing=told, psa_sources=both))
    assert answer.verdict == "ask"


def test_without_a_source_of_numbers_unknown_links_do_not_matter() -> None:
    organization = replace(LINKED, psa_ids=None)
    assert standing.psa_links(subject(organization)).verdict == "pass"


def test_a_no_refuses_until_somebody_asks_by_name_after_it() -> None:
    declined = said(noes=(no(),))
    refused = standing.declined(subject(standing=declined))
    assert refused.verdict == "refuse"
    assert "operator bob rejected deletion del_1" in refused.message
    later = datetime(2026, 11, 28, tzinfo=UTC)
    assert standing.declined(subject(standing=declined, overrules_at=later)).verdict == "pass"
    earlier = datetime(2026, 11, 26, tzinfo=UTC)
    assert standing.declined(subject(standing=declined, overrules_at=earlier)).verdict == "refuse"


@pytest.mark.parametrize(("overrules", "verdict"), [(0, "refuse"), (6, "refuse"), (7, "pass")])
def test_the_ledgers_order_decides_and_no_clock(overrules: int, verdict: str) -> None:
    later = datetime(2026, 11, 28, tzinfo=UTC)
    known = subject(standing=said(noes=(no(number=7),)), overrules_at=later, overrules=overrules)
    assert standing.declined(known).verdict == verdict


@pytest.mark.parametrize(
    ("name", "known_name", "verdict"),
    [(None, "", "ask"), ("Acme", "", "pass"), (None, "Acme", "pass")],
)
def test_a_number_alone_is_no_proof(name: str | None, known_name: str, verdict: str) -> None:
    link = PsaLink(integration_type="manage", company_id="250")
    request = DeletionRequest(psa=link, org_name=name)
    assert standing.proof(subject(request=request, known_name=known_name)).verdict == verdict


@pytest.mark.parametrize(
    "moved",
    [{"name": "Another"}, {"created_at": "2021-01-01"}, {"psa_ids": ("250", "261")}, {"id": "302"}],
)
def test_identity_that_moved_is_for_a_person(moved: dict[str, Any]) -> None:
    pinned = LINKED.subject()
    assert standing.identity(subject(pinned=pinned)).verdict == "pass"
    asked = standing.identity(subject(replace(LINKED, **moved), pinned=pinned))
    assert asked.verdict == "ask"
    assert "was" in asked.message


def test_links_in_another_order_are_the_same() -> None:
    organization = replace(LINKED, psa_ids=("261", "250"))
    pinned = replace(LINKED, psa_ids=("250", "261")).subject()
    assert standing.identity(subject(organization, pinned=pinned)).verdict == "pass"


@pytest.mark.parametrize("doubt", ["order_unknown", "time_missing", "before_acceptance"])
def test_what_cannot_be_put_in_order_is_for_a_person(doubt: str) -> None:
    asked = standing.event(subject(standing=Standing(doubts=(doubt,))))
    assert (asked.verdict, asked.evidence) == ("ask", doubt)


def test_a_harder_mode_than_was_asked_for_is_for_a_person() -> None:
    policy = PolicySettings(mode="soft_delete")
    asked = standing.act(subject(policy=policy, harder_now="delete"))
    assert asked.verdict == "ask"
    assert "'soft_delete' is what will be done" in asked.message
    assert standing.act(subject(policy=policy)).verdict == "pass"
