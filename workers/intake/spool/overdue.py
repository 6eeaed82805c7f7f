"""Spools that hold deletions for long: a service that does not come back by itself."""

from datetime import datetime, timedelta
from typing import Final

from workers.ledger.ledger import Ledger
from workers.times.clock import rfc3339, to_ms

PATIENCE: Final = timedelta(minutes=15)
_REMEMBERED: Final = timedelta(days=30)


async def tell_of_holding_spools(ledger: Ledger, now: datetime) -> None:
    """Have people told, once each time, of each spool that holds deletions for too long."""
    for spool in await ledger.spools.all():
        since = spool.holds_since
        if now - since > PATIENCE:
            detail = {"spool": spool.id, "where": spool.where, "since": rfc3339(since)}
            once = f"{spool.id}:{to_ms(since)}"
            await ledger.notices.write("spool_holds", detail, now, once=once, lasts=_REMEMBERED)
