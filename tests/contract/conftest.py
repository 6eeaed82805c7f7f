"""Rehearsals: the pipeline against the sandbox, time in the test's hand."""

from collections.abc import Callable
from typing import Any

import pytest

from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.rehearsal import Rehearsal
from workers.ledger.ledger import Ledger

Rehearse = Callable[..., Rehearsal]


@pytest.fixture
def rehearse(ledger: Ledger, clock: TestClock) -> Rehearse:
    """A rehearsal with these faults, other settings of the sandbox, and this policy."""

    def make(*faults: str, sandbox: dict[str, Any] | None = None, **policy: Any) -> Rehearsal:
        settings = SandboxSettings.model_validate({"faults": list(faults), **(sandbox or {})})
        return Rehearsal(ledger, clock, settings, policy)

    return make
