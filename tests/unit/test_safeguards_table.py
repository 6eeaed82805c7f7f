"""The table of safeguards is that of the tree."""

from pathlib import Path

import pytest

from tests.safeguards.table import SAFEGUARDS, Safeguard

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda each: each.name)
def test_it_stands_there_once_and_its_tests_are_there(safeguard: Safeguard) -> None:
    assert (ROOT / safeguard.file).read_text().count(safeguard.old) == 1
    assert safeguard.new != safeguard.old
    for name in safeguard.tests:
        file, _, test = name.partition("::")
        assert f"def {test}(" in (ROOT / file).read_text() if test else (ROOT / file).exists()


def test_each_has_a_name_of_its_own() -> None:
    assert len({each.name for each in SAFEGUARDS}) == len(SAFEGUARDS)
