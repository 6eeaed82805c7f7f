"""A hash of the ledger, all of it text, becomes a frozen value."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from workers.ledger.records import loaded
from workers.times.clock import ms_or_none

AT = datetime(2026, 1, 22, 10, 30, tzinfo=UTC)
MS = "1769077800000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    name: str
    kind: str = "deletion"
    count: int = 7
    most: int | None
    named: bool = False
    begun: datetime
    ended: datetime | None
    only: tuple[str, ...] = ()


def test_each_field_is_read_by_its_type() -> None:
    full = {"name": "a", "kind": "sweep", "count": "0", "most": "3", "named": "1", "begun": MS,
            "ended": MS, "only": '["1"]', "of another release": "x"}  # fmt: skip
    assert loaded(Kept, full) == Kept(
        name="a", kind="sweep", count=0, most=3, named=True, begun=AT, ended=AT, only=("1",)
    )


def test_what_is_missing_or_empty_has_its_default_or_is_none() -> None:
    bare = {"name": "", "begun": MS, "ended": "0", "count": "", "most": ""}
    assert loaded(Kept, bare) == Kept(name="", begun=AT, ended=None, most=None)


def test_what_is_known_is_not_read() -> None:
    assert loaded(Kept, {"name": "a", "begun": MS}, count=1).count == 1


@pytest.mark.parametrize("fields", [{"begun": MS}, {"name": "a"}])
def test_what_must_be_there_is_missed(fields: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        loaded(Kept, fields)


@pytest.mark.parametrize("never", [None, "", "0", 0, 0.0])
def test_no_time_is_none_however_it_is_written(never: float | str | None) -> None:
    assert ms_or_none(never) is None
