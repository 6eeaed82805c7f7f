"""Rehearsals: the pipeline against the sandbox, time in the test's hand."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clock import TestClock
from tests.support.rehearsal import Rehearsal
from workers.ledger.ledger import Ledger
from workers.sandbox.settings import SandboxSettings

Rehearse = Callable[..., Rehearsal]


@pytest.fixture
def rehearse(ledger: Ledger, clock: TestClock) -> Rehearse:
    """A rehearsal with these faults and this policy."""

    def make(*faults: str, **policy: Any) -> Rehearsal:
        return Rehearsal(ledger, clock, SandboxSettings(faults=list(faults)), policy)

    return make
