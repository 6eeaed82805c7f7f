"""Sources that fell silent: an event that never came is seen by nobody else."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import rfc3339

log = structlog.get_logger()
GONE: Final = (
    "if it was renamed, give it its old name back: under another one nothing is known of its "
    "clients, so an active client of before stops no deletion. If it was ended on purpose, nothing"
)


async def warn_of_gone_sources(settings: Settings, ledger: Ledger) -> None:
    """Log each source that only the ledger knows. Raises RedisError, OSError."""
    for name, last in (await ledger.sources.others(settings.sources)).items():
        log.warning("source_not_configured", source=name, last_delivery=rfc3339(last), advice=GONE)


async def tell_of_silent_sources(settings: Settings, ledger: Ledger, now: datetime) -> None:
    """Have people told, once a day, of each source that is silent for too long.

    One that never sent anything has the same patience, from when it was first looked after.
    """
    for name, source in settings.sources.items():
        if source.silence_days == 0:
            continue
        since = await ledger.sources.known_since(name, now)
        last = (await ledger.sources.activity(name)).last_delivery
        if now - (last or since) > timedelta(days=source.silence_days):
            detail = {
                "source": name,
                "last_delivery": rfc3339(last) if last else "never",
                "silence_days": source.silence_days,
            }
            await ledger.notices.write("source_silent", detail, now, once=name)
