"""A word that is heard late counts as any other: proved late, spooled, or understood at last."""

from collections.abc import Awaitable, Callable

import pytest

from adapters.errors import SigningKeyUnavailable
from tests.contract.conftest import Them
from tests.support.sources import NAME, ORG, SOURCES, Sources, changed, created
from workers.intake.spool.frames import Spooled

Asks = Callable[[Sources], Awaitable[str]]


ASKS: dict[str, Asks] = {
    "std": lambda them: created(them.std()),
    "api": lambda them: them.it.ask(org_id=ORG, org_name=NAME),
    "ninja": lambda them: created(them.ninja()),
}


@pytest.mark.parametrize("asked", ASKS)
async def test_proved_late(sources: Them, asked: str) -> None:
    async with sources(grace_period="48h") as them:
        name = (await them.in_grace(await ASKS[asked](them))).id
        them.keys.answer = SigningKeyUnavailable
        kept = await them.cw("Active")
        assert kept.strongest.verdict == "unverified"
        them.it.clock.forward(hours=1)
        them.keys.answer = "the key"
        await them.intake.release(kept.delivery_id)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"


@pytest.mark.parametrize("asked", ASKS)
async def test_from_a_spool(sources: Them, asked: str) -> None:
    """Kept on disk while the server was away; it counts as of when it came."""
    async with sources(grace_period="48h") as them:
        came = them.it.clock()
        body = them.callback("Active")
        them.it.clock.forward(seconds=30)
        name = (await them.in_grace(await ASKS[asked](them))).id
        them.it.clock.forward(minutes=5)
        headers = them.signed("cw", body)
        await them.intake.unspool(
            Spooled(them.new_id("dlv"), "cw", "connectwise", came, tuple(headers.items), body)
        )
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"


@pytest.mark.parametrize("asked", ASKS)
async def test_understood_at_last(sources: Them, asked: str) -> None:
    """Read anew after its pointers were corrected."""
    async with sources(grace_period="48h") as them:
        them.configure(changed("halo", pointers={"inactive": "/nowhere"}))
        name = (await them.in_grace(await ASKS[asked](them))).id
        sent = await them.halo(inactive=False)
        assert sent.strongest.verdict == "rejected"
        them.configure(SOURCES)
        await them.replay(sent.delivery_id)
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "awaiting_approval"
        assert "halo" in await them.shown(found)


@pytest.mark.parametrize("asked", ["std", "cw"])
async def test_said_before_anybody_knew_whose_it_is(sources: Them, asked: str) -> None:
    """Under an identity that only the first plan finds out: of its own source it is no doubt."""
    async with sources() as them:
        if asked == "std":
            name = await created(them.std(org_name=NAME))
            await them.std("client.active", org_id=ORG)
        else:
            name = await created(them.cw(Action="deleted", Entity=None))
            await them.cw("Active", company=9)
        assert (await them.settle(name)).state == "cancelled"
        await them.untouched()
