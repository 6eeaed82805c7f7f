"""A name means one organization, and only where no other looks like it."""

import pytest

from tests.contract.conftest import Rehearse
from tests.support.rehearsal import TEST_COMPANY


@pytest.mark.parametrize(
    "other",
    ["TestCompany ", "testcompany", "Test\u200bCompany", "TestComp\u0430ny", "The TestCompany."],
)
@pytest.mark.parametrize("asked", ["TestCompany", "TestCompany "])
async def test_similar_names_are_ambiguous(rehearse: Rehearse, asked: str, other: str) -> None:
    async with rehearse() as it:
        it.world.organizations[302].name = other
        result = await it.run(await it.ask(org_name=asked))
        assert result["errors"][0]["code"] == "InvalidIdentifier"
        assert TEST_COMPANY in result["errors"][0]["message"]
        assert "302" in result["errors"][0]["message"]
        assert await it.deletes() == []


async def test_a_stray_blank_is_another_name(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        for fields in ({"org_name": "TestCompany "}, {"org_id": "301", "org_name": "TestCompany "}):
            result = await it.run(await it.ask(**fields))
            assert result["errors"][0]["code"] == "InvalidIdentifier"
            assert "differ only in blanks" in result["errors"][0]["message"]
        assert await it.deletes() == []


async def test_a_type_protects_in_any_case(rehearse: Rehearse) -> None:
    async with rehearse(protected_types=["customer "]) as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert result["errors"][0]["message"].startswith("protected_types")
        assert await it.deletes() == []


@pytest.mark.parametrize(("asked", "other"), [("Acme Ltd", "Acme Limited"), ("Acme", "Acmé")])
async def test_so_are_those_that_two_systems_write_differently(
    rehearse: Rehearse, asked: str, other: str
) -> None:
    async with rehearse() as it:
        it.world.organizations[301].name = asked
        it.world.organizations[302].name = other
        result = await it.run(await it.ask(org_name=asked))
        assert result["errors"][0]["code"] == "InvalidIdentifier"
        assert await it.deletes() == []


async def test_another_legal_form_is_another_client(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        it.world.organizations[301].name = "Acme Ltd"
        it.world.organizations[302].name = "Acme Inc"
        assert (await it.run(await it.ask(org_name="Acme Ltd")))["org_id"] == TEST_COMPANY
        assert await it.exists("302")
