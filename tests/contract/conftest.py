"""Rehearsals: the pipeline against the sandbox, time in the test's hand."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from service.sandbox.settings import SandboxSettings
from tests.support.clock import TestClock
from tests.support.rehearsal import Rehearsal
from tests.support.sources import Sources, account
from workers.ledger.ledger import Ledger

Rehearse = Callable[..., Rehearsal]
Them = Callable[..., AbstractAsyncContextManager[Sources]]


@pytest.fixture
def rehearse(ledger: Ledger, clock: TestClock) -> Rehearse:
    """A rehearsal with these faults, other settings of the sandbox, and this policy."""

    def make(*faults: str, sandbox: dict[str, Any] | None = None, **policy: Any) -> Rehearsal:
        settings = SandboxSettings.model_validate({"faults": list(faults), **(sandbox or {})})
        return Rehearsal(ledger, clock, settings, policy)

    return make


@pytest.fixture
def sources(rehearse: Rehearse) -> Them:
    """The same with every source, and the account of which they speak."""

    @asynccontextmanager
    async def make(
        *faults: str, sandbox: dict[str, Any] | None = None, **policy: Any
    ) -> AsyncIterator[Sources]:
        async with rehearse(*faults, sandbox=sandbox or account(), **policy) as it:
            yield Sources(it)

    return make
