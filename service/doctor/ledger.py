"""What `doctor` says of the ledger itself: where it is known, by which clock, on which disk."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Literal

from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import Clock, to_ms
from workers.upkeep.witness import read_witness, witness_places

ACCEPT: Final = "compare it with the PSA, then: unglue resume --accept-ledger --reason ..."
_MOST_OFF_MS: Final = 2000
_Said = tuple[str, Literal["ok", "warn", "fail"], str, str]


async def ledger_findings(settings: Settings, ledger: Ledger, clock: Clock) -> AsyncIterator[_Said]:
    """Each check: part, level, what was seen and its cure. Raises RedisError, OSError."""
    before = to_ms(clock())
    server = await ledger.store.server_ms()
    after = to_ms(clock())
    off = max(before - server, server - after)
    if off > _MOST_OFF_MS:
        cure = "set both by NTP: until then this machine dispatches and deletes nothing"
        yield "clock", "fail", f"differs from the clock of Redis by {off / 1000:.1f} s", cure
    for said in await _known(settings, ledger):
        yield said


async def _known(settings: Settings, ledger: Ledger) -> list[_Said]:
    places = witness_places(settings)
    if not places:
        cure = "set state_dir to a folder that is not restored together with Redis"
        return [("ledger", "warn", "nothing outside Redis would show that it was emptied", cure)]
    found: list[_Said] = []
    fields = await ledger.store.hash("ledger")
    for path in places:
        try:
            witness = await asyncio.to_thread(read_witness, path)
        except OSError as error:
            found.append(("ledger", "fail", str(error), "correct its permissions, or remove it"))
            continue
        accepted = witness is not None and await ledger.store.redis.hexists(
            ledger.store.key("ledger", "accepted"), witness.ledger
        )
        if witness is not None and witness.ledger != fields.get("id") and not accepted:
            found.append(("ledger", "fail", f"{path} knows another one than Redis holds", ACCEPT))
    return found
