"""A thousand changes of which the sender loses, doubles and turns round some: all are made up for.

`UNGLUE_CHANGES=1000` for all of them; the suite does fewer.
"""

import os
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from adapters.headers import Headers
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.tenant import Tenant
from service.sandbox.settings import SandboxSettings
from service.sandbox.shapes import Psa, SeedOrganization
from tests.support.clock import TestClock
from tests.support.rehearsal import Rehearsal
from tests.support.sources import CW, Sources, account
from workers.bulk.catch_up.compared import SETTLED
from workers.bulk.catch_up.walk import Way, advance_catch_up
from workers.ledger.ledger import Ledger
from workers.pipeline.advance import advance
from workers.psa.companies import Asked

CHANGES = int(os.environ.get("UNGLUE_CHANGES", "100"))
# Of ten changes seven make a client inactive, and three bring one of those back.
COUNT, BACK = 7 * CHANGES // 10, 3 * CHANGES // 10
CLIENTS = range(1001, 1001 + COUNT)


@dataclass
class Sent:
    """A callback, and after how many more changes it arrives."""

    at: int
    headers: Headers
    body: bytes


def changes(random: Random) -> list[tuple[int, bool]]:
    """Each client becomes inactive; some are active again, each later than it was inactive."""
    left = [(number, False) for number in CLIENTS]
    back = [(number, True) for number in random.sample(CLIENTS, BACK)]
    mixed = left + back
    random.shuffle(mixed)
    # Of two that are of one client the first one is that it left.
    seen: set[int] = set()
    ordered = []
    for number, _ in mixed:
        ordered.append((number, number in seen))
        seen.add(number)
    return ordered


async def test_what_is_lost_doubled_late_or_refused(
    ledger: Ledger, clock: TestClock, served: tuple[Tenant, str]
) -> None:
    psa, url = served
    psa.reset()
    psa.clock = clock
    random = Random(41)  # noqa: S311 - a mix, no secret
    clients = [
        SeedOrganization(
            id=10_000 + number, name=f"Client {number}", status="Inactive",
            psa=Psa("manage", str(number)),
        )
        for number in CLIENTS
    ]  # fmt: skip
    sandbox = SandboxSettings(**account(*clients), removal_seconds=0)
    for number in CLIENTS:
        psa.company(number, f"Client {number}", status=1)
    policy = {"max_deletions_per_day": 10 * CHANGES, "eligible_statuses": ["Inactive"]}
    async with Rehearsal(ledger, clock, sandbox, policy) as it:
        cw = {**CW, "api": {**CW_KEYS, "base_url": url}}
        senders = Sources(it, sources={"cw": cw}, public_url="https://unglue.example.com")
        async with Asked(senders.settings.sources) as asked:
            it.context = replace(it.context, companies=asked)
            way = Way(ledger, senders.intake, asked, senders.settings, _nowhere, clock)
            await _caught_up(way, clock)
            state = await _sent(psa, senders, clock, random)
            await _caught_up(way, clock)
            inactive = {number for number, active in state.items() if not active}
            assert len(inactive) == COUNT - BACK
            open_ = {each.request.psa.company_id for each in await ledger.listing.open()
                     if each.request.psa}  # fmt: skip
            assert open_ == {str(number) for number in inactive}
            assert len(await ledger.listing.open()) == len(inactive)
            for each in await ledger.listing.open():
                while not (deletion := await ledger.deletions.get(each.id)).terminal:
                    clock.now = max(deletion.ready_at, clock() + timedelta(milliseconds=1))
                    await advance(each.id, it.context)
                assert deletion.state == "deleted", deletion.errors
        deleted = [str(entry) for entry in await it.deletes()]
        assert len(deleted) == len(inactive)
        for number in CLIENTS:
            assert (10_000 + number in it.world.organizations) is (number not in inactive)
    # And it was the asking that found them.
    found = await ledger.catch_ups.found("cw")
    assert found["inactive"] > CHANGES // 20
    assert found["active"] > CHANGES // 100


async def _nowhere(_deletion_id: str, _number: int) -> None:
    """Nobody works meanwhile."""


async def _caught_up(way: Way, clock: TestClock) -> None:
    clock.forward(seconds=SETTLED.total_seconds() + 1)
    await way.ledger.catch_ups.begin("cw", None, clock())
    while (run := await advance_catch_up("cup_cw", way)) is not None:
        assert run.fault == ""
        if run.finished_at is not None:
            return


async def _sent(psa: Tenant, senders: Sources, clock: TestClock, random: Random) -> dict[int, bool]:
    """Everything that happens in the PSA, as far as it arrives; each client's state at the end."""
    state: dict[int, bool] = {}
    under_way: list[Sent] = []
    everything = changes(random)
    down = range(len(everything) // 2, len(everything) // 2 + len(everything) // 16)
    for place, (number, active) in enumerate(everything):
        clock.forward(seconds=2)
        state[number] = active
        name = f"Client {number}"
        psa.company(number, name, status=1 if active else 2)
        status = "Active" if active else "Inactive"
        body = senders.callback(status, company=number, name=name)
        signed = senders.signed("cw", body)
        fate = random.random()
        if fate >= 0.1:
            under_way.append(Sent(place, signed, body))
        if 0.1 <= fate < 0.2:
            under_way.append(Sent(place + random.randrange(3), signed, body))
        if 0.2 <= fate < 0.3:
            under_way[-1].at = place + random.randrange(1, 20)
        for sent in [each for each in under_way if each.at <= place]:
            under_way.remove(sent)
            # ConnectWise sends nothing again that met a 5xx.
            if place not in down:
                await senders.intake.accept("cw", sent.headers, sent.body)
    for sent in under_way:
        await senders.intake.accept("cw", sent.headers, sent.body)
    return state
