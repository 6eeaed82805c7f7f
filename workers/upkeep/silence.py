"""Sources that fell silent: an event that never came is seen by nobody else."""

from datetime import datetime, timedelta

from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import rfc3339


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
