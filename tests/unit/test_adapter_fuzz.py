"""The fuzzer finds what it looks for, and again."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.errors import SignatureInvalid
from tests.fuzz import Broken, Sample, fuzz, judge
from tests.support.deliveries import recorded


def test_a_run_can_be_repeated() -> None:
    assert fuzz("standard", 300, seed=2) == fuzz("standard", 300, seed=2)


class Gullible:
    """An adapter with the bugs that the fuzzer is for."""

    def __init__(self, verdicts: tuple[Any, ...], *, believes: bool) -> None:
        self._verdicts, self._believes = verdicts, believes

    def key_url(self, *_: object) -> None:
        if not self._believes:
            raise SignatureInvalid("no")

    def verify(self, *_: object) -> None:
        pass

    def read(self, *_: object) -> tuple[Any, ...]:
        return self._verdicts


def test_it_finds_what_it_looks_for() -> None:
    sample = Sample.of(next(recorded("autotask")))
    for believes, complaint in ((True, "never signed"), (False, "no verdict")):
        adapter: Any = Gullible((), believes=believes)
        with pytest.raises(Broken, match=complaint):
            judge(adapter, sample, sample.headers, b"{}")
    unsigned = replace(sample, signs=False)
    careless: Any = Gullible((), believes=True)
    with pytest.raises(Broken, match="no verdict"):
        judge(careless, unsigned, sample.headers, b"{}")
