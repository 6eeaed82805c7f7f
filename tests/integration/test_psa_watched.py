"""Refused credentials are tried by one deletion, not by each; a silent PSA is told of in time."""

from dataclasses import dataclass, field

import pytest

from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import PsaError, PsaRefused, PsaUnreachable
from service.sandbox.psa.connectwise import CW_KEYS
from tests.support.clock import TestClock
from tests.support.ledgers import notices
from workers.ledger.ledger import Ledger
from workers.psa.company import Company
from workers.psa.watched import Watched

CW = {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Cobalt"}


@dataclass
class Psa:
    """Answers, or raises what it is given."""

    error: PsaError | None = None
    asked: list[str] = field(default_factory=list)

    async def company(self, source: str, company_id: str) -> Company | None:
        self.asked.append(f"{source}/{company_id}")
        if self.error is not None:
            raise self.error
        return None


def watched(psa: Psa, ledger: Ledger, clock: TestClock, key: str = "a") -> Watched:
    api = {**CW_KEYS, "private_key": key}
    config = ConnectWiseConfig.model_validate({**CW, "api": api})
    return Watched(psa, ledger, {"cw": config, "cw2": config}, clock)


async def test_one_refusal_is_enough(ledger: Ledger, clock: TestClock) -> None:
    psa = Psa(PsaRefused("the PSA of source cw refuses", "cw"))
    for number in range(50):
        with pytest.raises(PsaRefused, match="refuses"):
            await watched(psa, ledger, clock).company("cw", str(number))
    assert psa.asked == ["cw/0"]
    # Another source is another PSA, and other credentials are tried at once.
    for source, key in (("cw2", "a"), ("cw", "b")):
        with pytest.raises(PsaRefused):
            await watched(psa, ledger, clock, key).company(source, "1")
    assert len(psa.asked) == 3
    psa.error = None
    clock.forward(minutes=15)
    assert await watched(psa, ledger, clock, "b").company("cw", "1") is None


async def test_silence_is_told_after_a_quarter_hour(ledger: Ledger, clock: TestClock) -> None:
    psa = Psa(PsaUnreachable("the PSA of source cw answers 503", "cw"))
    it = watched(psa, ledger, clock)

    async def minutes(count: int) -> None:
        for _ in range(count):
            with pytest.raises(PsaUnreachable):
                await it.company("cw", "1")
            clock.forward(minutes=1)

    await minutes(15)
    assert await notices(ledger, "psa_silent") == []
    await minutes(15)
    (once,) = await notices(ledger, "psa_silent")
    assert once == {
        "kind": "psa_silent", "source": "cw", "since": "2026-11-23T12:00:00Z",
        "detail": "the PSA of source cw answers 503",
    }  # fmt: skip
    # It answers, and what was is over.
    psa.error = None
    await it.company("cw", "1")
    assert await ledger.store.hash("psa", "silent") == {}
    psa.error = PsaUnreachable("x", "cw")
    await minutes(14)
    clock.forward(days=1)
    await minutes(14)
    assert len(await notices(ledger, "psa_silent")) == 1
